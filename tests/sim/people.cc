#include "sim/people.h"

#include "pipeline/links.h"
#include "sim/world.h"

namespace postlude::sim {

namespace {

constexpr const char* kWho = "ops";

}  // namespace

// Whether it was done, or may have been: the process died before it could say.
bool People::done(const char* what, const std::optional<Status>& status) {
  const char* how = !status ? "?" : *status ? "" : " refused";
  world_.note([&] {
    return std::string("people: ") + what + how + (status && !*status ? ": " + status->error().message : "");
  });
  world_.tally.met(std::string("people: ") + what + how);
  return !status || *status;
}

std::vector<People::StepRow> People::steps(const char* where) {
  std::vector<StepRow> out;
  world_.query(
      std::string(
          "SELECT s.run, s.id, s.idx, s.state, r.state, s.uses, s.title, s.held_at IS NOT NULL, s.asks, "
          "EXISTS "
          "(SELECT 1 FROM answers a WHERE a.step = s.id) FROM steps s JOIN runs r ON r.id = s.run WHERE ") +
          where + " ORDER BY s.id",
      {}, [&](const auto& row) {
        out.push_back({row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4),
                       row.text(5), row.text(6), row.flag(7), row.flag(8), row.flag(9)});
      });
  return out;
}

std::int64_t People::some_run(const char* where) {
  std::vector<std::int64_t> ids;
  world_.query(std::string("SELECT id FROM runs WHERE ") + where + " ORDER BY id", {},
               [&](const auto& row) { ids.push_back(row.integer(0)); });
  return ids.empty() ? 0 : world_.draw.pick(ids);
}

void People::do_something() {
  Draw& draw = world_.draw;
  switch (draw.below(16)) {
    case 0:
    case 1: {
      const auto failed = some_run("state = 5");
      return retry(failed != 0 && draw.chance(800) ? failed : some_run());
    }
    case 2:
    case 3:
      return replay(some_run(draw.chance(700) ? "state >= 4" : "1 = 1"));
    case 4:
      return cancel(some_run(draw.chance(800) ? "state <= 3" : "1 = 1"));
    case 5:
      return skip(some_run(draw.chance(800) ? "state IN (2, 3, 5)" : "1 = 1"));
    case 6:
      return dismiss(some_run(draw.chance(800) ? "state = 5" : "1 = 1"));
    case 7:
    case 8:
      return pause();
    case 9:
      return unpause_all();
    case 10:
      return prune();
    case 11: {
      const auto held = steps("s.held_at IS NOT NULL");
      if (!held.empty()) (void)resume(draw.pick(held));
      return;
    }
    case 12:
    case 13: {
      const auto asking = steps("s.uses = 'approval'");  // early, late and twice as well
      if (!asking.empty()) (void)answer(draw.pick(asking), draw.chance(250));
      return;
    }
    default: {
      const auto& urls = world_.systems.callbacks();
      if (!urls.empty()) (void)call_back(draw.pick(urls), draw.chance(150));
    }
  }
}

bool People::answer(const StepRow& step, bool rejects) {
  Answer given;
  given.kind = rejects ? AnswerKind::kRejected : AnswerKind::kApproved;
  given.by = kWho;
  given.body = "{}";
  given.at = world_.now();
  const auto status = world_.product->ask(
      world_.product->store().answer(RunId{step.run}, static_cast<std::uint32_t>(step.index), given));
  const bool early = step.state == 1;
  return done(rejects ? "reject" : early ? "approve early" : "approve", status);
}

// By the URL that a system was given, as the listener would.
bool People::call_back(std::string url, bool wrong) {
  if (wrong) url.back() = url.back() == '0' ? '1' : '0';
  const std::string text = url.substr(url.rfind('/') + 1);
  const auto link = pipeline::read_link(world_.product->store().secret(), text);
  if (wrong) {
    if (link) world_.breaks("22", "a callback's URL was guessed: " + url);
    world_.tally.met("people: call back with a wrong URL");
    return false;
  }
  if (!link) {
    world_.breaks("22", "a callback's URL is not known any more: " + url);
    return false;
  }
  std::int64_t step = 0;
  std::int64_t state = 0;
  world_.query("SELECT id, state FROM steps WHERE run = $1 AND idx = $2", {link->run.value, link->step},
               [&](const auto& row) {
                 step = row.integer(0);
                 state = row.integer(1);
               });
  Answer given;
  given.kind = AnswerKind::kCallback;
  given.by = "10.0.0.9";
  given.body = "{\"n\":" + std::to_string(++callbacks_) + "}";
  given.at = world_.now();
  const auto status = world_.product->ask(world_.product->store().answer(link->run, link->step, given));
  const bool accepted = done(state == 1   ? "call back early"
                             : state == 3 ? "call back"
                                          : "call back late",
                             status);
  if (accepted && step != 0) world_.check.answered(step, given.body, status.has_value());
  return accepted;
}

bool People::resume(const StepRow& step) {
  Draw& draw = world_.draw;
  const auto as = draw.below(3) == 0   ? store::ResumeAs::kDone
                  : draw.below(2) == 0 ? store::ResumeAs::kRepeat
                                       : store::ResumeAs::kFail;
  // Before it is asked for: it may be done at once.
  if (as == store::ResumeAs::kRepeat) world_.check.freed(step.step);
  if (as == store::ResumeAs::kDone) world_.check.settled(step.step);
  const auto status = world_.product->ask(
      world_.product->pipeline().resume({RunId{step.run}, std::to_string(step.index + 1), as, kWho, {}}));
  return done(as == store::ResumeAs::kDone     ? "resume as done"
              : as == store::ResumeAs::kRepeat ? "resume as repeat"
                                               : "resume as fail",
              status);
}

void People::retry(std::int64_t run) {
  if (run == 0) return;
  const bool stale = world_.draw.chance(150);
  const bool failed = world_.number("SELECT state FROM runs WHERE id = $1", {run}) == 5;
  if (failed) world_.check.reopens(run);
  const auto status = world_.product->ask(world_.product->pipeline().retry(RunId{run}, stale, kWho));
  done(stale ? "retry --stale" : "retry", status);
}

void People::replay(std::int64_t run) {
  if (run == 0 || ++replays_ > 4) return;
  const bool again = world_.draw.chance(300);
  const bool stale = world_.draw.chance(150);
  const auto made = world_.product->ask(world_.product->pipeline().replay(RunId{run}, again, stale, kWho));
  done(again ? "replay --again" : "replay", !made   ? std::optional<Status>()
                                            : *made ? std::optional<Status>(ok())
                                                    : std::optional<Status>(made->error()));
}

void People::cancel(std::int64_t run) {
  if (run == 0) return;
  const auto status =
      world_.product->ask(world_.product->store().cancel(RunId{run}, kWho, "not wanted", world_.now()));
  done("cancel", status);
}

void People::skip(std::int64_t run) {
  if (run == 0) return;
  const bool failed = world_.number("SELECT state FROM runs WHERE id = $1", {run}) == 5;
  std::vector<std::int64_t> which;
  world_.query("SELECT idx FROM steps WHERE run = $1 AND (state IN (1, 3) OR state = 5) ORDER BY idx", {run},
               [&](const auto& row) { which.push_back(row.integer(0)); });
  if (which.empty()) return;
  const std::string step = std::to_string(world_.draw.pick(which) + 1);
  if (failed) world_.check.reopens(run);
  const auto status = world_.product->ask(world_.product->store().skip(RunId{run}, step, kWho, world_.now()));
  done("skip", status);
}

void People::dismiss(std::int64_t run) {
  if (run == 0) return;
  done("dismiss", world_.product->ask(world_.product->store().dismiss(RunId{run}, kWho, world_.now())));
}

void People::pause() {
  store::Pause pause;
  switch (world_.draw.below(4)) {
    case 0:
      pause.kind = "workflow";
      pause.name = world_.draw.pick(world_.setting->flows)->name;
      break;
    case 1:
      pause.kind = "target";
      pause.name = world_.draw.pick(std::vector<std::string>{"hub", "slow", "sim"});
      break;
    case 2:
      pause.kind = "source";
      pause.name = "flagger";
      break;
    default:
      pause.kind = "all";
  }
  pause.at = world_.now();
  pause.actor = kWho;
  done("pause", world_.product->ask(world_.product->store().pause(pause)));
}

void People::unpause_all() {
  std::vector<std::pair<std::string, std::string>> pauses;
  world_.query("SELECT kind, name FROM pauses ORDER BY kind, name", {},
               [&](const auto& row) { pauses.emplace_back(row.text(0), row.text(1)); });
  for (const auto& [kind, name] : pauses) {
    if (world_.memory->crashed()) return;
    done("unpause", world_.product->ask(world_.product->store().unpause(kind, name, kWho, world_.now())));
  }
}

void People::prune() {
  const Duration age = world_.draw.chance(300) ? Duration(0) : Duration(std::chrono::hours(1));
  world_.check.pruning(true);
  done("prune", world_.product->ask(world_.product->store().prune(world_.now() - age, world_.now() - age)));
  world_.check.pruned();
  world_.check.pruning(false);
}

bool People::help_out() {
  bool helped = false;
  // A hold first: what is waited for behind it may need it.
  for (const StepRow& step : steps("r.state <= 3 AND s.state = 3")) {
    if (world_.memory->crashed()) return true;
    if (step.held) {
      helped = resume(step) || helped;
    } else if (step.uses == "approval" && !step.had_answer) {
      helped = answer(step, world_.draw.chance(200)) || helped;
    }
  }
  if (helped) return true;
  for (const StepRow& step : steps("r.state <= 3 AND s.state = 3 AND s.uses = 'callback'")) {
    if (step.had_answer) continue;
    const pipeline::Link link{pipeline::LinkKind::kCallback, RunId{step.run},
                              static_cast<std::uint32_t>(step.index)};
    const std::string text = pipeline::link_text(world_.product->store().secret(), link);
    helped = call_back("https://postlude.example.com/callbacks/" + text, false) || helped;
  }
  return helped;
}

bool People::try_failed_again() {
  bool tried = false;
  std::vector<std::int64_t> failed;
  world_.query("SELECT id FROM runs WHERE state = 5 AND dismissed = 0 ORDER BY id", {},
               [&](const auto& row) { failed.push_back(row.integer(0)); });
  for (const std::int64_t run : failed) {
    if (!world_.draw.chance(500)) continue;
    retry(run);
    tried = true;
  }
  return tried;
}

}  // namespace postlude::sim
