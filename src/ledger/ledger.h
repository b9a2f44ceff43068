#pragma once
// Ledger: the writer's connection, and what the writer caches between commits: blocks of ids, the head of the
// audit chain, pinned texts, recent runs and events. For ledger/ and store/. Writer thread only.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>

#include "ledger/bounded_cache.h"
#include "ledger/records.h"
#include "ledger/stored_run.h"
#include "model/event.h"
#include "model/run.h"
#include "sql/sql.h"

namespace postlude::ledger {

enum class Sequence : std::uint8_t { kDelivery = 0, kEvent, kRun, kStep, kAttempt, kRequest, kText };
constexpr std::size_t kSequences = 7;

// SHA-256 over the chain value of the previous record and this record. A changed record breaks the chain
// there.
using Chain = std::array<char, 32>;
struct AuditRecord {
  std::int64_t seq = 0;
  Instant at;
  std::string_view actor, action, subject, detail;
};
Chain chain_of(const Chain& before, const AuditRecord& record);

// Decides which steps of a run are next after a change: engine::follow. Pure.
using Follow = std::function<Decision(const Run& run, Instant now)>;

class Ledger {
 public:
  static constexpr std::size_t kRememberedMax = 1024;  // of each: runs, events, texts, pinned texts
  static constexpr std::size_t kRememberedBytesMax = 16U << 20U;  // approximate bytes, of each

  // Large runs have a cache of their own. A run with a long forEach is loaded once for each of its elements.
  static constexpr std::size_t kLargeMax = 4;
  static constexpr std::size_t kLargeBytesMax = 96U << 20U;

  Ledger(sql::Connection& db, Follow follow);
  Status load();  // call once, before the first transaction

  Decision follow(const Run& run, Instant now) const { return follow_(run, now); }

  // Whether there is such a pause.
  bool paused(std::string_view kind, std::string_view name) const {
    return !pauses_.empty() && pauses_.contains(std::pair(std::string(kind), std::string(name)));
  }
  Status load_pauses();
  // Start of the oldest pause that holds such a run now; nullopt: none does. `has(target)`: a step of that
  // target has not ended.
  template <class Has>
  std::optional<Instant> held_since(std::string_view workflow, std::string_view source, std::string_view team,
                                    Has has) const {
    std::optional<Instant> out;
    for (const auto& [what, at] : pauses_) {
      const auto& [kind, name] = what;
      const bool holds = kind == "all" || (kind == "workflow" && name == workflow) ||
                         (kind == "source" && name == source) || (kind == "team" && name == team) ||
                         (kind == "target" && has(name));
      if (holds && (!out || at < *out)) out = at;
    }
    return out;
  }
  std::optional<Instant> held_since(const StoredRun& run) const;
  // Whether a pause of its workflow, source or team holds such a run now: the column `paused` of its steps.
  bool run_paused(std::string_view workflow, std::string_view source, std::string_view team) const {
    return paused("workflow", workflow) || paused("source", source) ||
           (!team.empty() && paused("team", team));
  }

  // The hooks of our own source that have workflows.
  void set_told(std::set<std::string, std::less<>> hooks) { told_ = std::move(hooks); }
  bool tells(std::string_view hook) const { return told_.contains(hook); }

  sql::Connection& db() { return db_; }
  Result<std::int64_t> next_id(Sequence sequence);
  std::uint64_t token();  // random, for a lease; never 0
  std::string nonce();    // random, for an event
  Status audit(Instant at, std::string_view actor, std::string_view action, std::string_view subject,
               std::string_view detail);

  // Counts a run that goes from one state to another. `from` nullopt: a new run; `to` nullopt: a deleted run.
  void count_run(const std::string& workflow, std::optional<RunState> from, std::optional<RunState> to);

  // pin() stores a text once per content and returns its id; text() is the reverse.
  Result<std::int64_t> pin(const std::string& workflow, const std::string& text);
  Result<std::shared_ptr<const std::string>> text(std::int64_t id);
  void forget_texts();  // call after texts were deleted

  // A bounded cache of runs and events, equal to their rows. It stays correct because only the writer changes
  // rows.
  void remember(StoredRun run);               // `run` must equal its rows
  std::optional<StoredRun> recall(RunId id);  // removes it from the cache; nullopt: read it
  void forget_run(RunId id) { (void)recall(id); }
  void forget_runs() {
    runs_.clear(), large_runs_.clear();
  }  // call when facts beside the rows (StoredRun::alone) may have changed
  void remember(std::shared_ptr<const Event> event);
  std::shared_ptr<const Event> recall(EventId id) const;  // nullptr: read it
  void forget_events() { events_.clear(); }

  // Steps that wait for a key which the step `holder` holds. Only a hint: a waiting step also tries again by
  // itself.
  struct Waiter {
    RunId run;
    std::int64_t step = 0;
  };
  void wait_for(std::int64_t holder, Waiter waiter);
  std::vector<Waiter> take_waiters(std::int64_t holder);

  // Whether a refusal may be remembered; while none is, there is nothing to forget.
  bool has_refusals() const { return has_refusals_; }
  void made_refusal() { has_refusals_ = true; }

  // True for every 32nd stored call without proof: time to delete the oldest ones.
  bool time_to_thin_out() { return ++strangers_ % 32 == 0; }

  // Reported to the loop after the commit.
  void made_work() { made_work_ = true; }                       // something can be planned or claimed now
  void falls_due(Instant at);                                   // a step is now due at `at`
  void next_due(std::optional<Instant> at) { next_due_ = at; }  // as found by a claim
  void made_event() { made_event_ = true; }                     // an event of our own; the loop must plan it
  bool take_made_event() { return std::exchange(made_event_, false); }
  bool take_made_work() { return std::exchange(made_work_, false); }
  std::optional<Instant> next_due() const { return next_due_; }

  // Reported after the commit, for metrics and the log.
  void ended(RunEnd end) { happening_.runs.push_back(std::move(end)); }
  void ended(StepEnd end) { happening_.steps.push_back(std::move(end)); }
  void held(StepHeld held) { happening_.held.push_back(std::move(held)); }
  Happened take_happened() { return std::exchange(happened_, {}); }

  std::string& last_target() { return last_target_; }  // the target at which the next claim continues

  // Runs `body` in one transaction and commits. If a statement failed, rolls back, also our cached state. If
  // the commit ends kUnknown, the process ends. An
  // Error that `body` gives its own caller does not roll back.
  template <class Body>
  Status transact(Body body) {
    TRY_DONE(db_.begin());
    const CachedState before = cached_;
    body();
    if (!db_.failed()) {
      const Status flushed = flush();
      const Status committed = flushed ? db_.commit() : flushed;
      if (committed) {
        keep_happened();
        return ok();
      }
      if (committed.error().code == Code::kUnknown) end_in_doubt(committed.error());
      forget(before);
      return committed.error();
    }
    const Error failure = *db_.failed();
    forget(before);
    return failure;
  }

 private:
  // Nobody knows whether the commit is on disk, so neither what is cached nor what callers may be told. The
  // next start is the recovery.
  [[noreturn]] static void end_in_doubt(const Error& why);
  struct Block {
    std::int64_t next = 0, end = 0;
  };
  struct CachedState {
    std::array<Block, kSequences> blocks{};
    std::int64_t audit_seq = 0;
    Chain chain{};
  };
  struct Pinned {
    std::int64_t id = 0;
    std::string text;
  };

  using Totals = std::array<std::int64_t, 7>;  // by RunState
  Status flush();
  void forget(const CachedState& before);
  void keep_happened();

  sql::Connection& db_;
  CachedState cached_;
  std::map<std::string, Pinned> pinned_;  // by workflow: the text it was last started with
  std::size_t pinned_bytes_ = 0;
  BoundedCache<std::shared_ptr<const std::string>> texts_{kRememberedMax, kRememberedBytesMax};
  BoundedCache<StoredRun> runs_{kRememberedMax, kRememberedBytesMax};
  BoundedCache<StoredRun> large_runs_{kLargeMax, kLargeBytesMax};  // apart, since one would evict all others
  BoundedCache<std::shared_ptr<const Event>> events_{kRememberedMax, kRememberedBytesMax};
  std::unordered_multimap<std::int64_t, Waiter> waiters_;  // by holder
  std::mt19937_64 random_;
  const Follow follow_;
  std::map<std::string, Totals> moved_;                            // by workflow, in this transaction
  std::map<std::pair<std::string, std::string>, Instant> pauses_;  // since when
  std::set<std::string, std::less<>> told_;
  Happened happening_;     // in this transaction
  Happened happened_;      // in those before
  bool made_work_ = true;  // true at start: work of an earlier process may be there
  bool made_event_ = false;
  std::optional<Instant> next_due_;
  std::string last_target_;
  std::uint64_t strangers_ = 0;
  bool has_refusals_ = true;
};

}  // namespace postlude::ledger
