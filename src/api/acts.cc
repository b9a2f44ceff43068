// The acts of operators on runs.

#include "api/answers.h"
#include "api/api.h"
#include "api/approval.h"
#include "api/query.h"
#include "api/views.h"
#include "base/text.h"

namespace postlude::api {

namespace {

constexpr std::size_t kWordsMax = 4'000;  // of a comment or a reason

struct Verb {
  std::string_view name;
  std::vector<std::string> flags;      // true or false
  std::vector<std::string> words;      // text
  std::vector<std::string> maps = {};  // JSON objects
};

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> kVerbs{{"retry", {"stale"}, {}},
                                        {"replay", {"again", "stale"}, {}},
                                        {"cancel", {}, {"reason"}},
                                        {"skip", {}, {"step"}},
                                        {"approve", {}, {"step", "comment"}},
                                        {"reject", {}, {"step", "comment"}},
                                        {"resume", {}, {"step", "as"}, {"outputs"}},
                                        {"dismiss", {}, {}}};
  return kVerbs;
}

const Verb* verb_named(std::string_view name) {
  for (const Verb& verb : verbs()) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

// Checks the members of the body. It refuses unknown ones, because a typing error must not cause another act.
Status check_body(const Verb& verb, const json::value& asked) {
  std::vector<std::string> known = verb.flags;
  known.insert(known.end(), verb.words.begin(), verb.words.end());
  known.insert(known.end(), verb.maps.begin(), verb.maps.end());
  for (const auto& member : asked.get_object()) {
    const std::string key(view(json::string(member.key())));
    if (std::find(verb.maps.begin(), verb.maps.end(), key) != verb.maps.end()) {
      if (!member.value().is_object()) return Error(Code::kInvalid, key + " must be an object");
      continue;
    }
    const bool flag = std::find(verb.flags.begin(), verb.flags.end(), key) != verb.flags.end();
    if (!flag && std::find(verb.words.begin(), verb.words.end(), key) == verb.words.end())
      return Error(Code::kInvalid, "unknown '" + cut(key, 40) + "'; " + instead_of(key, known));
    if (flag && !member.value().is_bool()) return Error(Code::kInvalid, key + " must be true or false");
    if (!flag && !member.value().is_string()) return Error(Code::kInvalid, key + " must be text");
    if (!flag && member.value().get_string().size() > kWordsMax)
      return Error(Code::kInvalid, key + " is longer than " + std::to_string(kWordsMax) + " bytes");
  }
  return ok();
}

bool flag_of(const json::value& asked, std::string_view key) {
  const json::value* value = find(asked, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace

rt::Task<HttpResponse> Api::act_on_run(RunId id, std::string verb_name, json::value asked, Caller who) {
  const Verb* verb = verb_named(verb_name);
  if (verb == nullptr) {
    std::vector<std::string> names;
    for (const Verb& one : verbs())
      names.emplace_back(one.name);
    co_return problem(404, "not found",
                      "there is no runs/{id}/" + cut(verb_name, 40) + "; " + instead_of(verb_name, names));
  }
  if (const Status said = check_body(*verb, asked); !said) co_return problem_of(said.error());
  AWAIT(auto detail, run_for(id, who));
  if (!detail) co_return problem_of(detail.error());
  if (verb_name == "skip") {
    if (const Status may = settle_skip(*detail, asked, who); !may) co_return problem_of(may.error());
  }
  RunId shown = id;
  if (verb_name == "approve" || verb_name == "reject") {
    AWAIT(const Status answered,
          answer_approval(std::move(*detail), verb_name == "approve", std::move(asked), who));
    if (!answered) co_return problem_of(answered.error());
  } else {
    AWAIT(const auto done, carry_out(id, std::move(verb_name), std::move(asked), who));
    if (!done) co_return problem_of(done.error());
    shown = *done;  // a replay's is a new one
  }
  AWAIT(HttpResponse after, show("runs", shown.text(), std::move(who)));
  co_return after;
}

// Which step is meant is settled here: what was looked at is what is skipped.
Status Api::settle_skip(const store::RunBrief& detail, json::value& asked, const Caller& who) {
  std::string word(find_text(asked, "step"));
  if (word.empty()) word = skipped_by_default(detail.run);
  if (word.empty()) return ok();  // the store says what is to be named
  asked.as_object()["step"] = word;
  return may_skip(detail.run, detail.text, word, who);
}

rt::Task<Result<RunId>> Api::carry_out(RunId id, std::string verb, json::value asked, Caller who) {
  const std::string step(find_text(asked, "step"));
  const bool stale = flag_of(asked, "stale");
  if (verb == "replay") {
    AWAIT(auto made, pipeline_.replay(id, flag_of(asked, "again"), stale, who.name));
    co_return made;
  }
  Status done = ok();
  if (verb == "retry") {
    AWAIT(done, pipeline_.retry(id, stale, who.name));
  } else if (verb == "cancel") {
    AWAIT(done, store_.cancel(id, who.name, std::string(find_text(asked, "reason")), rt::now()));
  } else if (verb == "skip") {
    AWAIT(done, store_.skip(id, step, who.name, rt::now()));
  } else if (verb == "dismiss") {
    AWAIT(done, store_.dismiss(id, who.name, rt::now()));
  } else {
    const auto as = store::resume_as(find_text(asked, "as"));
    if (!as) co_return Error(Code::kInvalid, "as must be done, repeat or fail");
    store::Resume answer{id, step, *as, who.name, {}};
    if (const json::value* outputs = find(asked, "outputs")) answer.outputs = to_text(*outputs);
    AWAIT(done, pipeline_.resume(std::move(answer)));
  }
  if (!done) co_return done.error();
  co_return id;
}

rt::Task<Status> Api::answer_approval(store::RunBrief detail, bool approve, json::value asked, Caller who) {
  CO_TRY(const std::uint32_t index, asking_step(detail.run, std::string(find_text(asked, "step"))));
  const Step& step = detail.run.steps[index];
  if (const auto others = not_among(approval_of(step).approvers, who))
    co_return Error(Code::kDenied, "only these may answer: " + *others + "; you are " + who.name);
  Answer given;
  given.kind = approve ? AnswerKind::kApproved : AnswerKind::kRejected;
  given.by = who.name;
  given.body = to_text(json::object{{"comment", find_text(asked, "comment")}});
  given.at = rt::now();
  AWAIT(Status kept, store_.answer(detail.run.id, index, std::move(given)));
  co_return kept;
}

}  // namespace postlude::api
