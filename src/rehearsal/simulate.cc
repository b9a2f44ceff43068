#include "rehearsal/simulate.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "connector/kind.h"
#include "connector/sql_kind.h"
#include "rehearsal/diff.h"
#include "rehearsal/people.h"
#include "rehearsal/yaml_text.h"
#include "rt/virtual_clock.h"

namespace postlude::rehearsal {

namespace {

constexpr Duration kAtMost = std::chrono::hours(24 * 366);  // of virtual time
constexpr Duration kRealAtMost = std::chrono::seconds(30);  // of everybody's
constexpr std::size_t kRequestsMax = 10'000;
constexpr std::size_t kActsMax = 200;              // of people
constexpr std::size_t kExchangesMax = 64U << 20U;  // more than is told of what was then

bool ended(const std::string& state) {
  const auto known = run_state_named(state);
  return known && terminal(*known);
}

// The recorded answers, each used once, in their order.
class Recorded {
 public:
  explicit Recorded(const EventHistory& then) {
    for (const RunHistory& run : then.runs) {
      for (const StepHistory& step : run.steps) {
        for (const StoredExchange& exchange : step.exchanges) {
          if (exchange.result != "shadow" && !exchange.cut && !exchange.left_out)
            all_.push_back({&exchange, &step, &run, false});
        }
      }
    }
  }

  bool knows(const Sent& sent) const { return find(sent) < all_.size(); }

  rehearsal::ScriptedAnswer take(const Sent& sent) {
    const std::size_t index = find(sent);
    if (index == all_.size()) return {Duration(0), Error(Code::kUnavailable, "its answer is not known")};
    all_[index].used = true;
    const StoredExchange& then = *all_[index].then;
    if (then.answer) return {then.took, *then.answer};
    const bool never_sent = then.result == "retryable";
    return {then.took, Error(never_sent ? Code::kUnavailable : Code::kUnknown, said_of(then))};
  }

  bool has_more_of(const StepHistory& step) const {
    return std::any_of(all_.begin(), all_.end(),
                       [&](const Entry& entry) { return entry.of == &step && !entry.used; });
  }

 private:
  struct Entry {
    const StoredExchange* then = nullptr;
    const StepHistory* of = nullptr;
    const RunHistory* in = nullptr;
    bool used = false;
  };

  // The recorded error of a call without an answer, without the prefix `METHOD PATH: ` that is added again.
  // Messages quote it.
  static std::string said_of(const StoredExchange& then) {
    const std::size_t at = then.why.find(": ");
    if (!then.why.starts_with(then.method + " ") || at == std::string::npos) return "no answer came";
    return then.why.substr(at + 2);
  }

  // Prefers the recorded answers of the step itself, then those of its run: runs of one event may have sent
  // the same request and got different answers.
  std::size_t find(const Sent& sent) const {
    const auto of_run = [&](const Entry& entry) { return entry.in->workflow == sent.workflow; };
    const auto of_step = [&](const Entry& entry) { return of_run(entry) && entry.of->id == sent.step; };
    std::size_t at = find_among(sent, of_step);
    if (at == all_.size()) at = find_among(sent, of_run);
    return at < all_.size() ? at : find_among(sent, [](const Entry&) { return true; });
  }

  // The next of that call; where all were used and the last came to nothing, that again: how often a step is
  // tried is chance.
  template <class Fits>
  std::size_t find_among(const Sent& sent, Fits fits) const {
    const Ask shown = sent.shown();
    const connector::AskText text = connector::kind_of(shown).text_of(shown);
    const std::string path = path_of_url(text.whole_place());
    std::size_t again = all_.size();
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const StoredExchange& then = *all_[i].then;
      if (!fits(all_[i]) || then.method != text.verb || path_of_url(then.url) != path) continue;
      if (!then.target.empty() && then.target != sent.target) continue;
      // In a database only the statement tells one request from another.
      const bool other = !text.statement.empty() &&
                         connector::statement_line(find_text(then.body, "statement")) != text.statement;
      if (other) continue;
      if (!all_[i].used) return i;
      again = then.result == "retryable" || then.result == "unclear" ? i : all_.size();
    }
    return again;
  }

  std::vector<Entry> all_;
};

// Restores the state before the event: for steps that began with an update, an earlier use had created the
// object.
void keep_what_was(const EventHistory& then, store::Memory& memory) {
  std::vector<const StepHistory*> steps;
  for (const RunHistory& run : then.runs) {
    for (const StepHistory& step : run.steps) {
      if (!step.key.empty() && !step.exchanges.empty() && step.started_at) steps.push_back(&step);
    }
  }
  std::stable_sort(steps.begin(), steps.end(), [](const StepHistory* a, const StepHistory* b) {
    return *a->started_at < *b->started_at;
  });
  std::set<std::pair<std::string, std::string>> seen;
  for (const StepHistory* step : steps) {
    if (!seen.insert({step->target, step->key}).second) continue;  // that was made by one before
    if (!step->exchanges.front().name.starts_with("update.") || step->outputs.is_null()) continue;
    CHECK(memory.keep(step->target, step->key, to_text(step->outputs)).has_value());
  }
}

const StepHistory* same_step(const RunHistory& then, const Run& run, const Step& step) {
  const auto fits = [&](const StepHistory& one) {
    return one.id == step.name && one.uses == step.uses && one.item == step.item &&
           one.announces == step.announces.has_value();
  };
  // Those without an id are told apart by their order.
  const auto before = std::count_if(run.steps.begin(), run.steps.begin() + step.index, [&](const Step& s) {
    return s.name == step.name && s.uses == step.uses && s.item == step.item &&
           s.announces.has_value() == step.announces.has_value();
  });
  auto at = std::find_if(then.steps.begin(), then.steps.end(), fits);
  for (auto i = before; i > 0 && at != then.steps.end(); --i)
    at = std::find_if(at + 1, then.steps.end(), fits);
  return at == then.steps.end() ? nullptr : &*at;
}

// How a person answered for a held step.
std::optional<store::ResumeAs> resumed_as(const StepHistory& then) {
  if (then.because == Because::kPersonFailed) return store::ResumeAs::kFail;
  for (const StoredExchange& exchange : then.exchanges) {
    if (!exchange.settled) continue;
    return exchange.result == "retryable" ? store::ResumeAs::kRepeat : store::ResumeAs::kDone;
  }
  return std::nullopt;
}

// Whether the step ended as the answer says; a person may have skipped it since.
bool took_answer(const StepHistory& step) {
  if (!step.answer) return false;
  return step.answer->kind == AnswerKind::kRejected ? step.because == Because::kRejected
                                                    : step.state == "succeeded";
}

// The recorded answers of people and other systems.
std::vector<GivenAnswer> replies_of(const EventHistory& then) {
  std::vector<GivenAnswer> out;
  for (const RunHistory& run : then.runs) {
    for (const StepHistory& step : run.steps) {
      if (step.id.empty() || !took_answer(step)) continue;
      GivenAnswer reply;
      reply.workflow = run.workflow;
      reply.step = step.id;
      reply.kind = step.answer->kind;
      reply.by = step.answer->by;
      reply.body = step.answer->body;
      const auto since = reply.kind == AnswerKind::kCallback ? run.created_at : step.started_at;
      if (since) reply.after = std::max<Duration>(step.answer->at - *since, Duration(0));
      out.push_back(std::move(reply));
    }
  }
  return out;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  if (what.empty()) return;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

// A link's last part is an HMAC under a store's secret.
void hide_links(std::string& text, std::string_view path) {
  constexpr std::string_view kSigns = "_-.*";  // with *, since who may only look is not told all of it
  const auto sign_at = [&](std::size_t at) {
    return at < text.size() && kSigns.find(text[at]) != std::string_view::npos;
  };
  for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path, at)) {
    at += path.size();
    std::size_t end = at;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || sign_at(end) ||
                                 (text[end] == '\\' && sign_at(end + 1))))  // escaped as markup
      ++end;
    text.replace(at, end - at, "(link)");
  }
}

// Replaces the parts that differ in every run of the same workflow, and so are known by their place only.
// Links first, because a run's id is a part of them.
void hide_own(std::string& text, const std::set<std::string>& keys) {
  hide_links(text, "/callbacks/");
  hide_links(text, "/links/");
  for (const std::string& key : keys)
    replace_all(text, key, "(key)");
}

bool digit_at(std::string_view text, std::size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

// A step's `now`, which is another in each run: as unix seconds, with or without a fraction, and as text.
void hide_now(std::string& text, Instant now) {
  const std::string as_text = to_rfc3339(now).substr(0, 19);
  const std::string seconds = std::to_string(micros(now) / 1'000'000);
  for (const std::string& form : {as_text, seconds}) {
    for (std::size_t at = text.find(form); at != std::string::npos; at = text.find(form, at + 1)) {
      if (at > 0 && digit_at(text, at - 1)) continue;  // within a longer number
      std::size_t end = at + form.size();
      while (digit_at(text, end))  // milliseconds
        ++end;
      if (end < text.size() && text[end] == '.' && digit_at(text, end + 1)) ++end;
      while (digit_at(text, end))  // of a fraction
        ++end;
      text.replace(at, end - at, "(now)");
    }
  }
}

// Within the values, since how they are quoted hangs on it.
json::value without_own(const json::value& value, const std::set<std::string>& keys) {
  if (value.is_string()) {
    std::string text(view(value.get_string()));
    hide_own(text, keys);
    return json::value(json::string(text));
  }
  if (value.is_array()) {
    json::array out;
    for (const json::value& item : value.get_array())
      out.push_back(without_own(item, keys));
    return json::value(std::move(out));
  }
  if (!value.is_object()) return value;
  json::object out;
  for (const auto& member : value.get_object()) {
    std::string name(member.key().data(), member.key().size());
    hide_own(name, keys);
    out[name] = without_own(member.value(), keys);
  }
  return json::value(std::move(out));
}

// Of all its writes: what looks for one of them sends its key, and has none of its own.
std::set<std::string> keys_of(const RunHistory& run) {
  std::set<std::string> out;
  for (const StepHistory& step : run.steps) {
    for (const StoredExchange& exchange : step.exchanges) {
      if (!exchange.key.empty()) out.insert(exchange.key);
    }
  }
  return out;
}

// A run's requests, a step after the other, without what differs between any two runs of the same.
std::string text_of(const RunHistory& run, const std::string& event, bool with_end) {
  const std::set<std::string> keys = keys_of(run);
  std::string out;
  for (const StepHistory& step : run.steps) {
    std::string own;
    std::string last;
    std::string heading = "step " + (step.id.empty() ? step.uses : step.id + " (" + step.uses + ")") +
                          (step.item.empty() ? "" : " of " + step.item) +
                          (step.announces ? ", announcing" : "") + "\n";
    for (const StoredExchange& exchange : step.exchanges) {
      json::object details;
      if (exchange.headers.is_object() && !exchange.headers.get_object().empty())
        details["headers"] = canonical(exchange.headers);
      const bool empty =
          exchange.body.is_null() || (exchange.body.is_string() && exchange.body.get_string().empty());
      if (!empty) details["body"] = canonical(exchange.body);
      std::string text = "  " + exchange.method + " " + exchange.url + "\n";
      hide_own(text, keys);
      if (!details.empty()) text += yaml_text(without_own(details, keys), 4);
      if (text == last) continue;  // tried again
      own += std::exchange(heading, "") + text;
      last = std::move(text);
    }
    if (run.created_at) replace_all(own, to_rfc3339(*run.created_at), "(created)");
    if (step.now) hide_now(own, *step.now);
    out += own;
  }
  replace_all(out, run.id, "(run)");
  replace_all(out, event, "(event)");
  if (with_end) out += "ends " + run.state + (run.reason.empty() ? "" : ": " + run.reason) + "\n";
  return out;
}

std::vector<std::string> unknowns_of(const RunHistory& run) {
  std::vector<std::string> out;
  for (const StepHistory& step : run.steps) {
    for (const StoredExchange& exchange : step.exchanges) {
      if (exchange.result == "shadow")
        out.push_back("new, answer unknown: " + exchange.method + " " + exchange.url);
    }
  }
  return out;
}

bool leaves_out(const RunHistory& run) {
  return std::any_of(run.steps.begin(), run.steps.end(), [](const StepHistory& step) {
    return std::any_of(step.exchanges.begin(), step.exchanges.end(),
                       [](const StoredExchange& exchange) { return exchange.left_out; });
  });
}

// The object of an update no longer existed; the record does not tell what it was.
bool made_anew(const RunHistory& run) {
  const auto updates = [](const StoredExchange& exchange) { return exchange.name.starts_with("update."); };
  return std::any_of(run.steps.begin(), run.steps.end(), [&](const StepHistory& step) {
    return !step.exchanges.empty() && updates(step.exchanges.front()) &&
           !std::all_of(step.exchanges.begin(), step.exchanges.end(), updates);
  });
}

RunChange compare(const RunHistory* then, const RunHistory* now, const std::string& old_event,
                  const std::string& new_event) {
  RunChange out;
  out.workflow = now == nullptr ? then->workflow : now->workflow;
  if (then != nullptr) out.run = then->id;
  if (now != nullptr) out.notes = unknowns_of(*now);
  if (then != nullptr && (!ended(then->state) || then->state == "cancelled")) {
    out.change = Change::kSkipped;
    out.notes = {ended(then->state) ? "it was cancelled: " + then->reason : "it is still " + then->state};
    return out;
  }
  if (then != nullptr && leaves_out(*then)) {
    out.change = Change::kSkipped;
    out.notes = {"skipped: the run sent more requests than the daemon shows of one run"};
    return out;
  }
  if (then != nullptr && made_anew(*then)) {
    out.change = Change::kSkipped;
    out.notes = {"skipped: the object of a step's `key` no longer existed, so the run cannot be simulated"};
    return out;
  }
  // How it ends is worth a line only where both ends are known.
  const bool ends = then != nullptr && now != nullptr && out.notes.empty() && ended(now->state) &&
                    then->state != now->state;
  const std::string first = then == nullptr ? "" : text_of(*then, old_event, ends);
  const std::string second = now == nullptr ? "" : text_of(*now, new_event, ends);
  out.diff = unified_diff(first, second);
  if (then == nullptr) {
    out.change = Change::kNew;
  } else if (now == nullptr) {
    out.change = Change::kGone;
  } else {
    out.change = out.diff.empty() ? Change::kSame : Change::kDifferent;
  }
  return out;
}

// Each workflow's first run: what came later, people asked for.
const RunHistory* first_of(const std::vector<RunHistory>& runs, const std::string& workflow) {
  const auto at =
      std::find_if(runs.begin(), runs.end(), [&](const RunHistory& run) { return run.workflow == workflow; });
  return at == runs.end() ? nullptr : &*at;
}

// Repeats the recorded acts of people once the runs have come to the same point: answers for held steps,
// skips, retries. false: there is nothing to do.
bool act_as_then(Rehearsal& rehearsal, const EventHistory& then, EventId event, const Recorded& answers,
                 std::map<RunId, std::size_t>& retries) {
  const std::string who = "simulate";
  const auto well = [](const auto& done) { return done && done->has_value(); };
  for (const store::RunBrief& brief : runs_of(rehearsal)) {
    const Run& run = brief.run;
    const RunHistory* before = first_of(then.runs, run.workflow);
    if (run.event != event || before == nullptr) continue;
    for (const Step& step : run.steps) {
      const StepHistory* old = same_step(*before, run, step);
      if (old == nullptr) continue;
      const std::string number = std::to_string(step.index + 1);
      const bool failed = run.state == RunState::kFailed && step.state == StepState::kFailed;
      if (step.held) {
        const auto as = resumed_as(*old);
        store::Resume answer{run.id, number, as.value_or(store::ResumeAs::kRepeat), who, {}};
        if (as == store::ResumeAs::kDone && old->outputs.is_object()) answer.outputs = to_text(old->outputs);
        if (as && well(rehearsal.ask(rehearsal.pipeline().resume(std::move(answer))))) return true;
      }
      if ((step.held || failed) && old->because == Because::kPersonSkipped) {
        if (well(rehearsal.ask(rehearsal.store().skip(run.id, number, who, rt::now())))) return true;
      }
      const bool more = answers.has_more_of(*old) && retries[run.id] < old->exchanges.size();
      if (failed && (retries[run.id] < old->retried || more)) {
        ++retries[run.id];
        if (well(rehearsal.ask(rehearsal.pipeline().retry(run.id, false, who)))) return true;
      }
    }
  }
  return false;
}

struct Now {
  std::string event;
  std::vector<RunHistory> runs;
  std::vector<store::Planned> plan;
  std::string error;
};

Now play_again(const EventHistory& then, const std::shared_ptr<const pipeline::Rules>& rules,
               pipeline::Expressions& expressions) {
  Now now;
  Recorded answers(then);
  Options options;
  options.start = *then.given.received_at;
  options.answers = [&answers](const Sent& sent) { return answers.knows(sent); };
  const auto real_now = [] {
    const rt::RealTime real;
    return rt::steady_now();
  };
  const Duration began = real_now();
  auto memory = store::Memory::create();
  if (!memory) {
    now.error = memory.error().message;
    return now;
  }
  keep_what_was(then, **memory);
  options.memory = *memory;
  auto begun = Rehearsal::begin(
      rules, expressions, [&answers](const Sent& sent) { return answers.take(sent); }, std::move(options));
  if (!begun) {
    now.error = begun.error().message;
    return now;
  }
  Rehearsal& rehearsal = **begun;
  const auto event = rehearsal.accept(then.given);
  if (!event) {
    if (event.error().code != Code::kDenied) now.error = event.error().message;
    return now;
  }
  People people(rehearsal, replies_of(then));
  bool too_long = false;
  const auto enough = [&] {
    too_long = too_long || real_now() - began > kRealAtMost || rehearsal.sent() > kRequestsMax;
    return too_long;
  };
  std::map<RunId, std::size_t> retries;
  for (std::size_t acts = 0; acts < kActsMax; ++acts) {
    if (!people.run_until_quiet(enough, kAtMost) || !act_as_then(rehearsal, then, *event, answers, retries))
      break;
  }
  if (too_long) now.error = "it did not come to an end within " + to_text(kRealAtMost);
  now.event = event->text();
  for (const store::RunBrief& run : runs_of(rehearsal)) {
    // A run that fails may make an event of our own: that is another event, with runs of its own.
    if (run.run.event != *event) continue;
    const auto detail = rehearsal.ask(rehearsal.store().run(run.run.id, kExchangesMax));
    if (detail && *detail) now.runs.push_back(run_history(**detail));
  }
  auto stored = rehearsal.ask(rehearsal.store().event(*event));
  if (stored && *stored) now.plan = std::move((*stored)->plan);
  return now;
}

}  // namespace

std::string_view name_of(Change change) {
  switch (change) {
    case Change::kSame:
      return "same";
    case Change::kDifferent:
      return "different";
    case Change::kNew:
      return "new";
    case Change::kGone:
      return "gone";
    case Change::kSkipped:
      return "skipped";
  }
  CHECK(false);
}

bool EventChange::differs() const {
  return std::any_of(runs.begin(), runs.end(), [](const RunChange& run) {
    return run.change != Change::kSame && run.change != Change::kSkipped;
  });
}

EventChange simulate(const EventHistory& then, const std::shared_ptr<const pipeline::Rules>& rules,
                     pipeline::Expressions& expressions, const std::string& workflow) {
  EventChange out;
  out.event = then.id;
  out.what = then.what;
  CHECK(then.given.received_at.has_value());
  out.received_at = *then.given.received_at;
  Now now = play_again(then, rules, expressions);
  if (!now.error.empty()) {
    out.error = std::move(now.error);
    return out;
  }
  std::vector<std::string> workflows;
  for (const std::vector<RunHistory>* runs : {&then.runs, &std::as_const(now.runs)}) {
    for (const RunHistory& run : *runs) {
      const bool wanted = workflow.empty() || workflow == run.workflow;
      if (wanted && std::find(workflows.begin(), workflows.end(), run.workflow) == workflows.end())
        workflows.push_back(run.workflow);
    }
  }
  for (const std::string& name : workflows) {
    const RunHistory* before = first_of(then.runs, name);
    RunChange change = compare(before, first_of(now.runs, name), then.id, now.event);
    for (const store::Planned& planned : now.plan) {
      if (planned.workflow == name && change.change != Change::kSame && change.change != Change::kDifferent)
        change.notes.push_back((planned.runs ? "runs: " : "does not run: ") + planned.why);
    }
    out.runs.push_back(std::move(change));
  }
  return out;
}

}  // namespace postlude::rehearsal
