#pragma once
// Ledger: the writer's connection, with what the writer remembers of the database from one commit to the
// next: blocks of ids, the head of the audit chain, pinned texts. Private to store/.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>

#include "model/event.h"
#include "model/run.h"
#include "store/halves.h"
#include "store/sql.h"
#include "store/store.h"
#include "store/stored_run.h"

namespace postlude::store {

enum class Sequence : std::uint8_t { kDelivery = 0, kEvent, kRun, kStep, kAttempt, kRequest, kText };
constexpr std::size_t kSequences = 7;

// SHA-256 over the record before and this one: an accident in the middle shows, and is named.
using Chain = std::array<char, 32>;
struct AuditRecord {
  std::int64_t seq = 0;
  Instant at;
  std::string_view actor, action, subject, detail;
};
Chain chain_of(const Chain& before, const AuditRecord& record);

// Whose turn it is in a run after something has changed: engine::follow.
using Follow = std::function<Decision(const Run& run, Instant now)>;

class Ledger {
 public:
  static constexpr std::size_t kRememberedMax = 1024;             // runs, events, texts, and what is pinned
  static constexpr std::size_t kRememberedBytesMax = 16U << 20U;  // of each, about

  // Runs that keep nearly as much as they may; a list of many is asked for with each of its elements.
  static constexpr std::size_t kLargeMax = 4;
  static constexpr std::size_t kLargeBytesMax = 96U << 20U;

  Ledger(sql::Connection& db, Follow follow);
  Status load();  // once, before the first transaction

  Decision follow(const Run& run, Instant now) const { return follow_(run, now); }

  // What is held back, as `pauses` has it.
  bool paused(std::string_view kind, std::string_view name) const {
    return !pauses_.empty() && pauses_.contains(std::pair(std::string(kind), std::string(name)));
  }
  Status load_pauses();
  // Since when the oldest of the pauses holds that hold such a run now; `has`: a step of this target has not
  // ended.
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
  // Where a claim finds the steps of such a run for this target.
  std::string lane_of(std::string_view workflow, std::string_view source, std::string_view team,
                      const std::string& target) const;

  // The hooks of our own source that some workflow is on.
  void set_told(std::set<std::string, std::less<>> hooks) { told_ = std::move(hooks); }
  bool tells(std::string_view hook) const { return told_.contains(hook); }

  sql::Connection& db() { return db_; }
  Result<std::int64_t> next_id(Sequence sequence);
  std::uint64_t token();  // a lease's; not 0
  std::string nonce();    // an event's
  Status audit(Instant at, std::string_view actor, std::string_view action, std::string_view subject,
               std::string_view detail);

  // A run of that workflow is now in `to`; nullopt: it is new, or it is gone.
  void count_run(const std::string& workflow, std::optional<RunState> from, std::optional<RunState> to);

  // The id of a pinned text, stored once per content; and back.
  Result<std::int64_t> pin(const std::string& workflow, const std::string& text);
  Result<std::shared_ptr<const std::string>> text(std::int64_t id);
  void forget_texts();  // some were deleted

  // Runs and events that are likely to be asked for again soon, as their rows are: the writer is the only one
  // that changes them. Bounded.
  void remember(StoredRun run);               // it has been written as it is
  std::optional<StoredRun> recall(RunId id);  // and forgets it
  void forget_run(RunId id) { (void)recall(id); }
  void forget_runs() {
    runs_.clear(), large_runs_.clear();
  }  // what is known of each besides its rows is no longer so
  void remember(std::shared_ptr<const Event> event);
  std::shared_ptr<const Event> recall(EventId id) const;  // nullptr: it is to be read
  void forget_events() { events_.clear(); }

  // Who found a key in the hands of the step `holder`, and would like to know when that has ended. A hint
  // only: whoever is not told looks again by itself.
  struct Waiter {
    RunId run;
    std::int64_t step = 0;
  };
  void wait_for(std::int64_t holder, Waiter waiter);
  std::vector<Waiter> take_waiters(std::int64_t holder);

  // Now and then, of those that keep what strangers left: look whether it is too much.
  bool time_to_thin_out() { return ++strangers_ % 32 == 0; }

  // What the loop is told after the commit.
  void made_work() { made_work_ = true; }                       // there is something to plan
  void falls_due(Instant at);                                   // a step has this due time now
  void next_due(std::optional<Instant> at) { next_due_ = at; }  // as a claim has seen it
  void made_event() { made_event_ = true; }                     // and nobody on the loop knows of it
  bool take_made_event() { return std::exchange(made_event_, false); }
  bool take_made_work() { return std::exchange(made_work_, false); }
  std::optional<Instant> next_due() const { return next_due_; }

  // What is told of after the commit, for nobody in particular.
  void ended(RunEnd end) { happening_.runs.push_back(std::move(end)); }
  void ended(StepEnd end) { happening_.steps.push_back(std::move(end)); }
  Happened take_happened() { return std::exchange(happened_, {}); }

  std::string& last_target() { return last_target_; }  // where the next claim goes on

  // One transaction: commits what `body` did, unless the database failed in it. Then nothing of it remains,
  // here either. `body` may write what it likes and still hand an Error of its own to its caller.
  template <class Body>
  Status transact(Body body) {
    TRY_DONE(db_.begin());
    const Memory before = memory_;
    body();
    if (!db_.failed()) {
      const Status flushed = flush(before);
      const Status committed = flushed ? db_.commit() : flushed;
      if (committed) {
        keep_happened();
        return ok();
      }
      forget(before);
      return committed.error();
    }
    const Error failure = *db_.failed();
    forget(before);
    return failure;
  }

 private:
  struct Block {
    std::int64_t next = 0, end = 0;
  };
  struct Memory {
    std::array<Block, kSequences> blocks{};
    std::int64_t audit_seq = 0;
    Chain chain{};
    std::array<std::int64_t, 7> totals{};  // by RunState
  };
  struct Pinned {
    std::int64_t id = 0;
    std::string text;
  };

  using Totals = std::array<std::int64_t, 7>;  // by RunState
  Status flush(const Memory& before);
  void forget(const Memory& before);
  void keep_happened();

  sql::Connection& db_;
  Memory memory_;
  std::map<std::string, Pinned> pinned_;  // by workflow: the text it was last started with
  std::size_t pinned_bytes_ = 0;
  Halves<std::shared_ptr<const std::string>> texts_{kRememberedMax, kRememberedBytesMax};
  Halves<StoredRun> runs_{kRememberedMax, kRememberedBytesMax};
  Halves<StoredRun> large_runs_{kLargeMax, kLargeBytesMax};  // would each push all others out
  Halves<std::shared_ptr<const Event>> events_{kRememberedMax, kRememberedBytesMax};
  std::unordered_multimap<std::int64_t, Waiter> waiters_;  // by holder
  std::mt19937_64 random_;
  const Follow follow_;
  std::map<std::string, Totals> moved_;                            // by workflow, in this transaction
  std::map<std::pair<std::string, std::string>, Instant> pauses_;  // since when
  std::set<std::string, std::less<>> told_;
  Happened happening_;     // in this transaction
  Happened happened_;      // in those before
  bool made_work_ = true;  // nobody has looked yet
  bool made_event_ = false;
  std::optional<Instant> next_due_;
  std::string last_target_;
  std::uint64_t strangers_ = 0;
};

}  // namespace postlude::store
