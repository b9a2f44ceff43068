#include "ledger/ledger.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "sql/storable.h"

namespace postlude::ledger {

namespace {

constexpr std::array<std::string_view, kSequences> kNames{"delivery", "event",   "run", "step",
                                                          "attempt",  "request", "text"};
constexpr std::int64_t kBlock = 256;
constexpr std::size_t kWaitersMax = 10'000;

void put(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

}  // namespace

Chain chain_of(const Chain& before, const AuditRecord& record) {
  std::string text(before.data(), before.size());
  text += std::to_string(record.seq) + ' ' + std::to_string(micros(record.at)) + ' ';
  put(text, record.actor);
  put(text, record.action);
  put(text, record.subject);
  put(text, record.detail);
  const std::string hash = sha256(text);
  Chain out{};
  std::memcpy(out.data(), hash.data(), out.size());
  return out;
}

Ledger::Ledger(sql::Connection& db, Follow follow) : db_(db), follow_(std::move(follow)) {
  const std::string bytes = random_bytes(32);
  std::array<std::uint32_t, 8> words{};
  std::memcpy(words.data(), bytes.data(), bytes.size());
  std::seed_seq seed(words.begin(), words.end());
  random_.seed(seed);
}

Status Ledger::load() {
  // Blocks are empty at first: what a former process had reserved and not used stays unused.
  TRY_DONE(db_.each("SELECT seq, chain FROM audit ORDER BY seq DESC LIMIT 1", {}, [&](const sql::Row& row) {
    cached_.audit_seq = row.integer(0);
    const std::string_view chain = row.bytes(1);
    std::memcpy(cached_.chain.data(), chain.data(), std::min(chain.size(), cached_.chain.size()));
  }));
  TRY_DONE(load_pauses());
  has_refusals_ = false;
  return db_.each("SELECT 1 FROM last_refusals LIMIT 1", {}, [&](const sql::Row&) { has_refusals_ = true; });
}

Status Ledger::load_pauses() {
  pauses_.clear();
  return db_.each("SELECT kind, name, at FROM pauses", {}, [&](const sql::Row& row) {
    pauses_.emplace(std::pair(row.text(0), row.text(1)), row.time(2));
  });
}

std::optional<Instant> Ledger::held_since(const StoredRun& stored) const {
  const Run& run = stored.run;
  return held_since(run.workflow, run.source, stored.team, [&](const std::string& target) {
    return std::any_of(run.steps.begin(), run.steps.end(),
                       [&](const Step& s) { return s.target == target && !terminal(s.state); });
  });
}

Result<std::int64_t> Ledger::next_id(Sequence sequence) {
  const auto index = static_cast<std::size_t>(sequence);
  Block& block = cached_.blocks[index];
  if (block.next == block.end) {
    std::int64_t end = 0;
    TRY_DONE(
        db_.each("INSERT INTO sequences (name, next) VALUES ($1, $2 + 1) "
                 "ON CONFLICT (name) DO UPDATE SET next = sequences.next + $2 RETURNING next",
                 {kNames[index], kBlock}, [&](const sql::Row& row) { end = row.integer(0); }));
    block.end = end;
    block.next = end - kBlock;
  }
  return block.next++;
}

std::uint64_t Ledger::token() {
  return random_() | 1U;
}

std::string Ledger::nonce() {
  // From the system: the keys of effects hang on it, and must not repeat after a restore either.
  return to_hex(random_bytes(16));
}

void Ledger::end_in_doubt(const Error& why) {
  log::error(
      "the connection to the database broke during a commit; ending: the next start finds out whether it "
      "is stored",
      {{"why", why.message}});
  (void)log::flush(std::chrono::seconds(1));
  _exit(1);
}

Status Ledger::audit(Instant at, std::string_view actor, std::string_view action, std::string_view subject,
                     std::string_view detail) {
  // The chain is over what is stored.
  std::array<std::string, 4> room;
  actor = sql::storable(actor, room[0]);
  action = sql::storable(action, room[1]);
  subject = sql::storable(subject, room[2]);
  detail = sql::storable(detail, room[3]);
  const std::int64_t seq = ++cached_.audit_seq;
  cached_.chain = chain_of(cached_.chain, {seq, at, actor, action, subject, detail});
  return db_.run(
      "INSERT INTO audit (seq, at, actor, action, subject, detail, chain) VALUES ($1, $2, $3, $4, $5, $6, "
      "$7)",
      {seq, at, actor, action, subject, detail, sql::Blob{{cached_.chain.data(), cached_.chain.size()}}});
}

void Ledger::count_run(const std::string& workflow, std::optional<RunState> from,
                       std::optional<RunState> to) {
  Totals& moved = moved_[workflow];
  if (from) --moved[static_cast<std::size_t>(*from)];
  if (to) ++moved[static_cast<std::size_t>(*to)];
}

Result<std::int64_t> Ledger::pin(const std::string& workflow, const std::string& text) {
  const auto found = pinned_.find(workflow);
  if (found != pinned_.end() && found->second.text == text) return found->second.id;
  const std::string hash = sha256(text);
  std::int64_t id = 0;
  TRY_DONE(db_.each("SELECT id FROM texts WHERE hash = $1", {sql::Blob{hash}},
                    [&](const sql::Row& row) { id = row.integer(0); }));
  if (id == 0) {
    TRY(id, next_id(Sequence::kText));
    TRY_DONE(db_.run("INSERT INTO texts (id, hash, text) VALUES ($1, $2, $3)", {id, sql::Blob{hash}, text}));
  }
  if (found != pinned_.end()) {
    pinned_bytes_ -= found->second.text.size();
    pinned_.erase(found);
  }
  if (pinned_.size() >= kRememberedMax || pinned_bytes_ + text.size() > kRememberedBytesMax) {
    pinned_.clear();
    pinned_bytes_ = 0;
  }
  pinned_[workflow] = Pinned{id, text};
  pinned_bytes_ += text.size();
  return id;
}

Result<std::shared_ptr<const std::string>> Ledger::text(std::int64_t id) {
  if (const auto* known = texts_.find(id)) return *known;
  std::shared_ptr<const std::string> out;
  TRY_DONE(db_.each("SELECT text FROM texts WHERE id = $1", {id},
                    [&](const sql::Row& row) { out = std::make_shared<const std::string>(row.text(0)); }));
  CHECK(out != nullptr);
  texts_.put(id, out, out->size());
  return out;
}

void Ledger::remember(StoredRun stored) {
  // One that waits is not asked for soon, and one that has ended is not asked for.
  if (terminal(stored.run.state) || stored.run.state == RunState::kWaiting) return;
  std::size_t bytes = stored.run.vars.size();
  for (const Step& step : stored.run.steps)
    bytes += sizeof(Step) + step.input.size() + step.outputs.size() + step.item.size();
  const std::int64_t id = stored.run.id.value;
  const bool large = bytes > kRememberedBytesMax / 4;
  (void)(large ? runs_ : large_runs_).take(id);
  (large ? large_runs_ : runs_).put(id, std::move(stored), bytes);
}

std::optional<StoredRun> Ledger::recall(RunId id) {
  auto known = runs_.take(id.value);
  return known ? std::move(known) : large_runs_.take(id.value);
}

void Ledger::remember(std::shared_ptr<const Event> event) {
  const std::int64_t id = event->id.value;
  const std::size_t bytes = bytes_of(*event);
  events_.put(id, std::move(event), bytes);
}

std::shared_ptr<const Event> Ledger::recall(EventId id) const {
  const auto* known = events_.find(id.value);
  return known == nullptr ? nullptr : *known;
}

void Ledger::wait_for(std::int64_t holder, Waiter waiter) {
  if (waiters_.size() < kWaitersMax) waiters_.emplace(holder, waiter);
}

std::vector<Ledger::Waiter> Ledger::take_waiters(std::int64_t holder) {
  std::vector<Waiter> out;
  if (waiters_.empty()) return out;
  const auto [from, to] = waiters_.equal_range(holder);
  for (auto at = from; at != to; ++at) {
    const auto same = [&](const Waiter& w) { return w.step == at->second.step; };  // it asked several times
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(at->second);
  }
  waiters_.erase(from, to);
  return out;
}

void Ledger::forget_texts() {
  pinned_.clear();
  pinned_bytes_ = 0;
  texts_.clear();
}

void Ledger::falls_due(Instant at) {
  if (!next_due_ || at < *next_due_) next_due_ = at;
}

Status Ledger::flush() {
  Totals all{};
  for (const auto& [workflow, moved] : moved_) {
    for (int state = 1; state <= 6; ++state) {
      const std::int64_t by = moved[static_cast<std::size_t>(state)];
      if (by == 0) continue;
      all[static_cast<std::size_t>(state)] += by;
      TRY_DONE(
          db_.run("INSERT INTO totals_by_workflow (workflow, state, n) VALUES ($1, $2, $3) ON CONFLICT "
                  "(workflow, state) DO UPDATE SET n = totals_by_workflow.n + excluded.n",
                  {workflow, state, by}));
    }
  }
  for (int state = 1; state <= 6; ++state) {
    const std::int64_t by = all[static_cast<std::size_t>(state)];
    if (by != 0) TRY_DONE(db_.run("UPDATE totals SET n = n + $2 WHERE state = $1", {state, by}));
  }
  moved_.clear();
  return ok();
}

void Ledger::keep_happened() {
  const auto move_to = [](auto& from, auto& to) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    from.clear();
  };
  move_to(happening_.runs, happened_.runs);
  move_to(happening_.steps, happened_.steps);
  move_to(happening_.held, happened_.held);
}

void Ledger::forget(const CachedState& before) {
  db_.roll_back();
  moved_.clear();
  happening_ = {};
  cached_ = before;
  forget_texts();
  forget_runs();
  forget_events();
  (void)load_pauses();
}

}  // namespace postlude::ledger
