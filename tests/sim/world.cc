#include "sim/world.h"

#include <cstdio>
#include <cstdlib>

#include "engine/decide.h"
#include "evaluator/in_process.h"
#include "lang/expression.h"
#include "pipeline/expressions.h"

namespace postlude::sim {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kHistoryMax = 20'000;
constexpr int kRoundsMax = 60;
constexpr std::uint64_t kCommitsMax = 200'000;
bool at_once = false;

// One for all seeds: what jq has compiled is kept.
pipeline::Expressions& expressions() {
  static evaluator::InProcess interpreter{std::string(lang::prelude())};
  static pipeline::Expressions out(interpreter);
  return out;
}

}  // namespace

World::World(std::uint64_t seed, Tally& tally_in, bool verbose)
    : draw(seed),
      tally(tally_in),
      check(*this),
      systems(*this),
      senders(*this),
      people(*this),
      seed_(seed),
      verbose_(verbose) {}

World::~World() {
  if (memory == nullptr) return;
  memory->fault = nullptr;
  memory->on_commit = nullptr;
  memory->latency = nullptr;
  product.reset();
}

void World::tell_at_once() {
  at_once = true;
}

void World::breaks(std::string_view invariant, const std::string& what) {
  note([&] { return "*** invariant " + std::string(invariant) + ": " + what; });
  if (broken_.empty()) broken_ = std::string(invariant) + ": " + what;
}

void World::write(std::string line) {
  if (history_.size() >= kHistoryMax) return;
  std::string at = product == nullptr ? "" : to_rfc3339(now()).substr(5, 18) + " ";
  if (at_once) {
    std::printf("%s%s\n", at.c_str(), line.c_str());
    std::fflush(stdout);
    return;
  }
  history_.push_back(at + std::move(line));
}

Duration World::steady() {
  return product->clock().steady();
}
Instant World::now() {
  return rt::now();
}

void World::query(std::string_view sql, sql::Values values, sql::Visitor visit) {
  const Status done = memory->db().each(sql, values, visit);
  if (done) return;
  std::fprintf(stderr, "seed %llu: %s: %s\n", static_cast<unsigned long long>(seed_),
               std::string(sql).c_str(), done.error().message.c_str());
  std::abort();
}

std::int64_t World::number(std::string_view sql, sql::Values values) {
  std::int64_t out = 0;
  query(sql, values, [&](const auto& row) { out = row.integer(0); });
  return out;
}

void World::use(std::size_t revision) {
  revision_ = revision;
  check.now_uses(revision);
  product->use(setting->revisions[revision]);
  note([&] { return "the workflows are edited: revision " + std::to_string(revision + 1); });
}

// -- what befalls the store

void World::draw_faults() {
  full_ = static_cast<unsigned>(draw.pick(std::vector<int>{0, 0, 10, 40}));
  dies_ = static_cast<unsigned>(draw.pick(std::vector<int>{0, 0, 8, 25, 60}));
  jumps_ = draw.chance(150);
  systems.draw();
  memory->fault = [this](std::uint64_t) { return fault(); };
  if (draw.chance(500)) {
    const Duration slowest = draw.pick(std::vector<Duration>{milliseconds(2), milliseconds(50), seconds(3)});
    memory->latency = [this, slowest] { return calm ? Duration(0) : draw.between(Duration(0), slowest); };
  }
}

store::CommitFault World::fault() {
  if (!broken_.empty()) return store::CommitFault::kCrashBefore;  // there is nothing more to be seen
  if (calm) return store::CommitFault::kNone;
  if (draw.chance(full_)) {
    tally.met("commit: full");
    note([] { return std::string("the disk is full"); });
    return store::CommitFault::kFull;
  }
  if (!draw.chance(dies_)) return store::CommitFault::kNone;
  const bool before = draw.chance(500);
  tally.met(before ? "died before a commit" : "died after a commit");
  note([&] { return std::string(before ? "dies before a commit" : "dies after a commit"); });
  return before ? store::CommitFault::kCrashBefore : store::CommitFault::kCrashAfter;
}

// What the dead process believes to hold.
void World::remember_leases() {
  lost_.clear();
  query("SELECT id, attempt, token, title FROM steps WHERE state = 2 AND token <> 0 ORDER BY id LIMIT 3", {},
        [&](const auto& row) {
          lost_.push_back(
              {{row.integer(0), AttemptId{row.integer(1)}, static_cast<std::uint64_t>(row.integer(2))},
               row.text(3)});
        });
}

void World::revive() {
  if (!broken_.empty()) return;
  remember_leases();
  const Duration down = calm               ? Duration(0)
                        : draw.chance(700) ? draw.between(Duration(0), seconds(5))
                                           : draw.between(Duration(0), minutes(draw.chance(150) ? 600 : 20));
  jumped_ahead += std::exchange(ahead_unseen_, Duration(0));
  jumped_back += std::exchange(back_unseen_, Duration(0));
  product->crash_and_restart(down);
  tally.met("restarts");
  note([&] { return "starts again, after " + to_text(down); });
  if (draw.chance(400)) haunt();
}

// 16: whoever has lost a lease changes nothing any more.
void World::haunt() {
  const std::vector<Lost> lost = std::exchange(lost_, {});
  for (const Lost& one : lost) {
    if (memory->crashed()) return;
    store::AttemptEnd end;
    end.lease = one.lease;
    end.ended_at = now();
    end.outcome = Succeeded{"{}"};
    store::Rule rule = [](const Run& run) {
      Decision nothing;
      nothing.run = run.state;
      return nothing;
    };
    const auto recorded = product->ask(product->store().record(end, rule));
    if (!recorded) return;
    tally.met("a dead process's lease was used");
    if (*recorded) breaks("16", "a void lease of " + one.title + " could be used to record");
    Request request;
    request.effect = Effect::kNone;
    request.name = "haunt";
    request.key = "haunt";
    const auto sent = product->ask(product->store().commit_request(
        {one.lease, request, {}, std::nullopt, std::nullopt, std::nullopt, false}));
    if (sent && *sent) breaks("16", "a void lease of " + one.title + " could be used to send");
    if (memory->crashed()) return;
    const auto back = product->ask(product->store().give_back(one.lease, now()));
    if (back && *back) breaks("16", "a void lease of " + one.title + " could be given back");
  }
}

void World::jump() {
  const Duration by = draw.between(seconds(1), draw.chance(200) ? Duration(seconds(60)) : Duration(hours(3)));
  const bool ahead = draw.chance(500);
  (ahead ? ahead_unseen_ : back_unseen_) += by;
  jumped_ahead = std::max<Duration>(jumped_ahead, seconds(60));  // believed at once
  jumped_back = std::max<Duration>(jumped_back, seconds(60));
  product->clock().jump(ahead ? by : -by);
  tally.met(ahead ? "the clock was set forward" : "the clock was set back");
  note([&] { return "the clock is set " + std::string(ahead ? "forward" : "back") + " by " + to_text(by); });
}

// -- the story

void World::pass(Duration d) {
  const Duration until = steady() + d;
  for (int restarts = 0; broken_.empty() && restarts < 1'000; ++restarts) {
    const Duration left = until - steady();
    if (left > Duration(0)) product->advance(left);
    if (!memory->crashed()) return;
    revive();
    if (steady() >= until && !memory->crashed()) return;
  }
}

void World::something() {
  const auto what = draw.below(20);
  if (what == 0) {
    note([] { return std::string("is killed"); });
    tally.met("killed between commits");
    revive();
  } else if (what == 1) {
    use(1 - revision_);
    tally.met("workflows edited");
  } else if (what == 2 && jumps_) {
    jump();
  } else {
    people.do_something();
  }
  if (memory->crashed()) revive();
}

void World::play() {
  setting = &sim::setting(draw.below(settings_count()));
  auto made = store::Memory::create();
  if (!made) std::abort();
  memory = *made;
  rehearsal::Options options;
  options.seed = seed_;
  options.memory = memory;
  options.plan_again = hours(1);
  check.install();
  auto begun = rehearsal::Rehearsal::begin(
      setting->revisions[0], expressions(),
      [this](const rehearsal::Sent& sent) { return systems.answer(sent); }, options);
  if (!begun) std::abort();
  product = *std::move(begun);
  memory->on_commit = [this] {
    check.committed();
    if (memory->commits() == kCommitsMax) breaks("24", "it commits without end");
  };
  draw_faults();
  const Duration within =
      draw.pick(std::vector<Duration>{seconds(20), minutes(5), minutes(60), hours(10), hours(80)});
  const std::size_t calls = 5 + draw.below(7);
  note([&] {
    std::string line = "workflows:";
    for (const Flow* flow : setting->flows)
      line += " " + flow->name;
    return line + "; " + std::to_string(calls) + " calls within " + to_text(within);
  });
  senders.plan(calls, within);
  const std::size_t acts = draw.below(12);
  for (std::size_t i = 0; i < acts && broken_.empty(); ++i) {
    pass(draw.between(Duration(0), within / static_cast<std::int64_t>(acts) * 2));
    if (broken_.empty()) something();
  }
  pass(minutes(5));
  if (broken_.empty()) come_to_rest();
}

bool World::all_ended() {
  return number("SELECT count(*) FROM runs WHERE state <= 3") == 0;
}

// Faults off; people answer what waits for them; time passes.
void World::come_to_rest() {
  note([] { return std::string("from here on all is calm"); });
  calm = true;
  int tries = 2;
  for (int round = 0; broken_.empty() && round < kRoundsMax; ++round) {
    if (memory->crashed()) revive();
    people.unpause_all();
    if (draw.chance(600)) {  // sooner than what is waited for gives up
      pass(minutes(2));
      if (!broken_.empty() || people.help_out()) continue;
    }
    if (!product->run_until_quiet(hours(24 * 90))) {
      if (memory->crashed()) continue;
      breaks("24", "it is not quiet within 90 days");
      return;
    }
    if (people.help_out()) continue;
    if (all_ended() && tries-- > 0 && people.try_failed_again()) continue;
    break;
  }
  if (!broken_.empty()) return;
  check.at_rest();
  const auto chain = product->ask(product->store().verify_audit());
  if (!chain || !*chain || !(*chain)->bad.empty())
    breaks("audit", chain && *chain ? (*chain)->bad : "the chain could not be verified");
  count_what_was();
}

void World::count_what_was() {
  tally.met("deliveries", static_cast<std::uint64_t>(number("SELECT count(*) FROM deliveries")));
  tally.met("runs", static_cast<std::uint64_t>(number("SELECT count(*) FROM runs")));
  tally.met("commits", memory->commits());
  tally.met("sends", product->sent());
  for (const Flow* flow : setting->flows)
    tally.met("workflow: " + flow->name);
  query("SELECT state, count(*) FROM runs GROUP BY state", {}, [&](const auto& row) {
    tally.met("runs " + std::string(to_text(static_cast<RunState>(row.integer(0)))),
              static_cast<std::uint64_t>(row.integer(1)));
  });
  query(
      "SELECT uses, state, count(*), sum(because = $1), sum(element_of IS NOT NULL), sum(announces IS NOT "
      "NULL AND state = 4), sum(because = $2) FROM steps GROUP BY uses, state",
      {static_cast<int>(Because::kSuperseded), static_cast<int>(Because::kUnanswered)}, [&](const auto& row) {
        const auto times = [&](int column) { return static_cast<std::uint64_t>(row.integer(column)); };
        tally.met("step " + row.text(0) + " " + std::string(to_text(static_cast<StepState>(row.integer(1)))),
                  times(2));
        if (times(3) > 0) tally.met("superseded", times(3));
        if (times(4) > 0) tally.met("elements", times(4));
        if (times(5) > 0) tally.met("announced", times(5));
        if (times(6) > 0) tally.met("nobody answered in time", times(6));
      });
  const auto replaced = number("SELECT count(*) FROM audit WHERE action = 'run.replaced'");
  if (replaced > 0) tally.met("replaced", static_cast<std::uint64_t>(replaced));
  const auto shadow = number("SELECT count(*) FROM runs WHERE shadow = 1");
  if (shadow > 0) tally.met("shadow runs", static_cast<std::uint64_t>(shadow));
}

}  // namespace postlude::sim
