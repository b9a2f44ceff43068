// Effect x what becomes of the first send x when the process dies x what people do then: each cell carried
// out by the real pipeline and store in virtual time, against a receiver that keeps books, and compared with
// what unit/rehearsal/effects_model.h makes of the contract's words. docs/effects-reference.md is printed
// from the same cells:
//
//   POSTLUDE_UPDATE=1 build/dev/src/rehearsal_test --gtest_filter='EffectsPageTest.*'

#include <gtest/gtest.h>

#include <fstream>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "evaluator/in_process.h"
#include "lang/expression.h"
#include "lang/yaml.h"
#include "lib/source_folder.h"
#include "rehearsal/rehearsal.h"
#include "sql/sql.h"
#include "unit/rehearsal/effects_model.h"
#include "unit/rehearsal/effects_receiver.h"

namespace postlude::rehearsal {
namespace effects {

std::string text_of(const Observed& seen) {
  constexpr const char* kStates[] = {"succeeded", "failed", "held", "superseded"};
  std::string out = kStates[static_cast<std::size_t>(seen.state)];
  return out + " " + std::to_string(seen.effects) + "/" + std::to_string(seen.sends) + "/" +
         std::to_string(seen.lookups);
}
void PrintTo(const Observed& seen, std::ostream* out) {
  *out << text_of(seen) << ", keys " << seen.keys << (seen.outputs ? ", outputs" : ", no outputs");
}

}  // namespace effects

namespace {

using effects::Crash;
using effects::kConnector;
using effects::Kind;
using effects::Model;
using effects::Observed;
using effects::Policy;
using effects::Receiver;
using effects::Rule;
using effects::Send;
using effects::State;
using effects::text_of;
using effects::Verb;
using std::chrono::hours;
using std::chrono::seconds;

const std::vector<Rule> kRules = {
    {"read", "read", Kind::kRead},
    {"state", "state", Kind::kState},
    {"upsert", "upsert", Kind::kUpsert},
    {"key", "key", Kind::kKey},
    {"key, its window over", "short-key", Kind::kKey, Policy::kHold, true},
    {"key, its window over, with lookup", "short-key-lookup", Kind::kKey, Policy::kHold, true, true},
    {"lookup", "lookup", Kind::kLookup, Policy::kHold, false, true},
    {"none, onUnclear: repeat", "none", Kind::kNone, Policy::kRepeat, false, false, true},
    {"none, onUnclear: hold", "none", Kind::kNone, Policy::kHold, false, false, true},
    {"none, onUnclear: fail", "none", Kind::kNone, Policy::kFail, false, false, true},
};

struct First {
  const char* name;
  std::deque<Send> sends;
};
const std::vector<First> kFirsts = {
    {"succeeded", {Send::kSucceeded}},
    {"exists", {Send::kExists}},
    {"refused", {Send::kRefused}},
    {"429", {Send::kLater}},
    {"not reached", {Send::kUnreached}},
    {"no answer in time, acted", {Send::kTimeout}},
    {"no answer in time, not acted", {Send::kTimeoutIdle}},
    {"reset, acted", {Send::kReset}},
    {"reset, not acted", {Send::kResetIdle}},
    {"500, acted", {Send::kError}},
    {"500, not acted", {Send::kErrorIdle}},
    {"no answer in time, acted; then refused", {Send::kTimeout, Send::kRefused}},
    {"no answer in time, not acted; then refused", {Send::kTimeoutIdle, Send::kRefused}},
};
const std::vector<std::pair<Crash, const char*>> kCrashes = {
    {Crash::kNone, "not at all"},
    {Crash::kBeforeCommit, "before the request is on disk"},
    {Crash::kAfterCommit, "on disk, not yet sent"},
    {Crash::kAfterSend, "sent, not yet answered"},
    {Crash::kBeforeRecord, "answered, not yet recorded"},
    {Crash::kAfterRecord, "recorded"},
};
struct Then {
  const char* name;
  std::vector<Verb> verbs;
};
const std::vector<Then> kThens = {
    {"by itself", {}},
    {"retry", {Verb::kRetry}},
    {"replay", {Verb::kReplay}},
    {"replay --again", {Verb::kAgain}},
    {"newer, retry", {Verb::kNewer, Verb::kRetry}},
    {"newer, replay", {Verb::kNewer, Verb::kReplay}},
    {"newer, replay --again", {Verb::kNewer, Verb::kAgain}},
    {"done", {Verb::kDone}},
    {"repeat", {Verb::kRepeat}},
    {"fail", {Verb::kFail}},
    {"replay, done", {Verb::kReplay, Verb::kDone}},
    {"replay, repeat", {Verb::kReplay, Verb::kRepeat}},
    {"replay, retry", {Verb::kReplay, Verb::kRetry}},
    {"retry, done", {Verb::kRetry, Verb::kDone}},
    {"retry, repeat", {Verb::kRetry, Verb::kRepeat}},
    {"done, replay", {Verb::kDone, Verb::kReplay}},
};

pipeline::Expressions& expressions() {
  static evaluator::InProcess interpreter{std::string(lang::prelude())};
  static pipeline::Expressions out(interpreter);
  return out;
}

std::shared_ptr<const pipeline::Rules> rules_of(const Rule& rule) {
  lang::Problems problems;
  auto catalogue = std::make_shared<connector::Catalogue>(connector::Catalogue::built_in());
  catalogue->add(kConnector, "receiver.yaml", problems);
  constexpr std::string_view kPolicies[] = {"repeat", "hold", "fail"};
  const std::string policy =
      rule.step_policy ? ", onUnclear: " + std::string(kPolicies[static_cast<std::size_t>(rule.policy)]) : "";
  const auto root = lang::read_yaml(
      "sources: {flagger: {type: flagger, auth: [none]}}\n"
      "targets: {hub: {connector: receiver, url: \"https://hub.example.com\", auth: none}}\n"
      "workflows:\n  w: {on: {source: flagger}, steps: [{id: do, uses: hub/" +
          std::string(rule.action) + ", timeout: 10s" + policy + "}]}\n",
      "r.yaml", problems);
  pipeline::RulesInput input;
  input.sources = root->find("sources");
  input.targets = root->find("targets");
  input.workflows = root->find("workflows");
  auto out = pipeline::Rules::build(input, catalogue, problems);
  for (const lang::Problem& p : problems) {
    if (!p.warning) ADD_FAILURE() << lang::to_text(p);
  }
  return out;
}

// The numbers of the commits that matter: a history without a crash tells them.
struct Commits {
  std::uint64_t request = 0;  // the first request that is no read is on disk
  std::uint64_t record = 0;   // the first attempt's outcome is
};

// One cell, carried out.
class Cell {
 public:
  Cell(const Rule& rule, std::shared_ptr<const pipeline::Rules> rules, const First& first)
      : receiver_(rule, first.sends) {
    Options options;
    options.plan_again = options.step_again = hours(1);
    auto begun = Rehearsal::begin(
        std::move(rules), expressions(), [this](const Sent& s) { return receiver_.answer(s); }, options);
    EXPECT_TRUE(begun) << begun.error().message;
    rehearsal_ = *std::move(begun);
  }

  Commits without_a_crash() {
    Commits out;
    rehearsal_->memory().on_commit = [&] {
      const auto some = [&](const char* question) {
        bool any = false;
        EXPECT_TRUE(
            rehearsal_->memory().db().each(question, {}, [&](const sql::Row& row) { any = row.flag(0); }));
        return any;
      };
      const std::uint64_t now = rehearsal_->memory().commits();
      if (out.request == 0 && some("SELECT EXISTS (SELECT 1 FROM requests WHERE effect <> 1)"))
        out.request = now;
      if (out.record == 0 && some("SELECT EXISTS (SELECT 1 FROM attempts WHERE ended_at IS NOT NULL)"))
        out.record = now;
    };
    begin(Crash::kNone, out);
    rehearsal_->memory().on_commit = nullptr;
    return out;
  }

  void begin(Crash crash, const Commits& at) {
    const bool request = crash == Crash::kBeforeCommit || crash == Crash::kAfterCommit;
    const bool before = crash == Crash::kBeforeCommit || crash == Crash::kBeforeRecord;
    const std::uint64_t when = request ? at.request : at.record;
    if (request || crash == Crash::kBeforeRecord || crash == Crash::kAfterRecord) {
      rehearsal_->memory().fault = [=](std::uint64_t n) {
        if (n != when) return store::CommitFault::kNone;
        return before ? store::CommitFault::kCrashBefore : store::CommitFault::kCrashAfter;
      };
    }
    receiver_.is_heard = crash == Crash::kNone || crash == Crash::kBeforeCommit ||
                         crash == Crash::kAfterCommit || crash == Crash::kAfterRecord;
    accept("c1");
    if (crash == Crash::kAfterSend) {
      EXPECT_TRUE(rehearsal_->run_until([&] { return receiver_.sends == 1; }, hours(1)));
      rehearsal_->crash_and_restart(seconds(1));
      crashes_ = 1;
    }
    settle();
    EXPECT_EQ(crashes_, crash == Crash::kNone ? 0 : 1);
    find_run();
  }

  void act(Verb verb) {
    receiver_.nobody_looks();
    switch (verb) {
      case Verb::kRetry: {
        const auto done = rehearsal_->ask(rehearsal_->pipeline().retry(run_, false, "amy"));
        EXPECT_TRUE(done && *done) << (done ? done->error().message : "nobody answered");
        break;
      }
      case Verb::kReplay:
      case Verb::kAgain: {
        const auto made =
            rehearsal_->ask(rehearsal_->pipeline().replay(run_, verb == Verb::kAgain, false, "amy"));
        EXPECT_TRUE(made && *made) << (made ? made->error().message : "nobody answered");
        if (made && *made) run_ = **made;
        break;
      }
      case Verb::kNewer:
        accept("c2");
        break;
      case Verb::kDone:
        resume(store::ResumeAs::kDone);
        break;
      case Verb::kRepeat:
        resume(store::ResumeAs::kRepeat);
        break;
      case Verb::kFail:
        resume(store::ResumeAs::kFail);
        break;
    }
    settle();
  }
  void time_passes() { rehearsal_->advance(hours(2)); }
  // From the step's beginning to its end.
  Duration took() {
    const auto detail = rehearsal_->ask(rehearsal_->store().run(run_));
    EXPECT_TRUE(detail && *detail);
    const Step& step = (*detail)->run.steps.at(0);
    return step.finished_at.value_or(Instant::max()) - step.started_at.value_or(Instant());
  }

  Observed seen() {
    Observed out;
    const auto detail = rehearsal_->ask(rehearsal_->store().run(run_));
    EXPECT_TRUE(detail && *detail);
    const Step& step = (*detail)->run.steps.at(0);
    switch (step.state) {
      case StepState::kSucceeded:
        out.state = State::kSucceeded;
        break;
      case StepState::kFailed:
        out.state = State::kFailed;
        break;
      case StepState::kSkipped:
        EXPECT_TRUE(step.reason.starts_with("superseded")) << step.reason;
        out.state = State::kSkipped;
        break;
      case StepState::kWaiting:
        EXPECT_TRUE(step.held) << step.reason;
        out.state = State::kHeld;
        break;
      case StepState::kPending:
      case StepState::kRunning:
      case StepState::kCancelled:
        ADD_FAILURE() << to_text(step.state) << " " << step.reason;
    }
    out.effects = receiver_.effects();
    out.sends = receiver_.sends;
    out.lookups = receiver_.lookups;
    out.keys = static_cast<int>(receiver_.keys());
    out.outputs = step.outputs.find(R"("id":")") != std::string::npos;
    return out;
  }

 private:
  void accept(const std::string& checksum) {
    const std::string payload =
        R"({"name":"app","namespace":"prod","phase":"Succeeded","checksum":")" + checksum + "\"}";
    const auto event = rehearsal_->accept({"flagger", "post-rollout", "", payload, std::nullopt});
    EXPECT_TRUE(event) << event.error().message;
  }
  void resume(store::ResumeAs as) {
    const auto done = rehearsal_->ask(rehearsal_->pipeline().resume({run_, "do", as, "amy", {}}));
    EXPECT_TRUE(done && *done) << (done ? done->error().message : "nobody answered");
  }
  void settle() {
    while (!rehearsal_->run_until_quiet(hours(20)) && rehearsal_->crashed() && crashes_ < 3) {
      ++crashes_;
      rehearsal_->crash_and_restart(seconds(1));
    }
    EXPECT_TRUE(rehearsal_->memory().quiet());
  }
  void find_run() {
    const auto runs = rehearsal_->ask(rehearsal_->store().runs({}, {}));
    EXPECT_TRUE(runs && *runs && (*runs)->size() == 1);
    if (runs && *runs && !(*runs)->empty()) run_ = (*runs)->front().id;
  }

  Receiver receiver_;
  std::unique_ptr<Rehearsal> rehearsal_;
  RunId run_;
  int crashes_ = 0;
};

// A line of an effect's table: the cells by kThens; "" where nobody could do that.
using Cells = std::vector<std::string>;
struct Line {
  Crash crash;
  std::string first;
  Cells cells;
};

// The column of just these verbs; nullopt: there is none.
std::optional<std::size_t> column_of(const std::vector<Verb>& verbs) {
  const auto at = std::find_if(kThens.begin(), kThens.end(), [&](const Then& t) { return t.verbs == verbs; });
  return at == kThens.end() ? std::nullopt : std::optional<std::size_t>(at - kThens.begin());
}

bool possible(Model model, const std::vector<Verb>& verbs) {
  for (const Verb verb : verbs) {
    model.time_passes();
    if (!model.may(verb)) return false;
    model.act(verb);
  }
  return true;
}

// The longest first: on their way they come through others.
Cells play(const Rule& rule, const std::shared_ptr<const pipeline::Rules>& rules, const First& first,
           Crash crash, const Commits& commits) {
  const Model begun(rule, first.sends, crash);
  Cells out(kThens.size());
  for (std::size_t length = 3; length-- > 0;) {
    for (const Then& then : kThens) {
      const bool seen = !out[*column_of(then.verbs)].empty();
      if (then.verbs.size() != length || seen || !possible(begun, then.verbs)) continue;
      SCOPED_TRACE(then.name);
      Model model = begun;
      Cell cell(rule, rules, first);
      cell.begin(crash, commits);
      std::vector<Verb> done;
      for (std::size_t i = 0; i <= length; ++i) {
        if (i > 0) {
          model.time_passes();
          cell.time_passes();
          model.act(then.verbs[i - 1]);
          cell.act(then.verbs[i - 1]);
          done.push_back(then.verbs[i - 1]);
        }
        if (!done.empty() && done.back() == Verb::kNewer) continue;  // that is another run
        const Observed now = cell.seen();
        EXPECT_EQ(now, model.seen()) << "after " << i << " of them";
        if (const auto column = column_of(done)) out[*column] = text_of(now);
      }
    }
  }
  return out;
}

const std::vector<Line>& lines_of(const Rule& rule) {
  static std::map<std::string_view, std::vector<Line>> played;
  const auto known = played.find(rule.name);
  if (known != played.end()) return known->second;
  std::vector<Line>& out = played[rule.name];
  log::configure(log::Format::kLogfmt, log::Level::kError);
  const auto rules = rules_of(rule);
  for (const auto& [crash, when] : kCrashes) {
    const bool of_commit = crash == Crash::kBeforeCommit || crash == Crash::kAfterCommit;
    if (rule.kind == Kind::kRead && of_commit) continue;  // reads ride on the claim
    for (const First& first : kFirsts) {
      static std::map<std::pair<std::string_view, const First*>, Commits> commits;
      Commits& at = commits[{rule.name, &first}];
      if (crash == Crash::kNone) at = Cell(rule, rules, first).without_a_crash();
      SCOPED_TRACE(std::string(first.name) + " | the process dies: " + when);
      out.push_back({crash, first.name, play(rule, rules, first, crash, at)});
    }
  }
  log::configure(log::Format::kLogfmt, log::Level::kInfo);
  return out;
}

class EffectsTest : public testing::TestWithParam<Rule> {};

TEST_P(EffectsTest, EachCellIsAsTheContractSays) {
  const std::vector<Line>& lines = lines_of(GetParam());
  const bool reads = GetParam().kind == Kind::kRead;
  EXPECT_EQ(lines.size(), kFirsts.size() * (reads ? kCrashes.size() - 2 : kCrashes.size()));
}

// What was made is found in seconds, whatever the request's timeout (10 s here); what was not made is sent
// again just when "not there" counts: with the timeout and `lookupAfter` (5 s) over.
TEST(LookupTest, SettlesInSecondsWhatWasMade) {
  struct Row {
    Send first;
    Crash crash;
    Duration least, most;
  };
  const Duration both = Receiver::kTimeout + Receiver::kLookupAfter;
  const std::vector<Row> rows{
      {Send::kReset, Crash::kNone, Duration(0), seconds(1)},
      {Send::kError, Crash::kNone, Duration(0), seconds(1)},
      {Send::kSucceeded, Crash::kAfterSend, seconds(1), seconds(3)},  // of which 1 s until it lives again
      {Send::kTimeout, Crash::kNone, seconds(10), seconds(12)},
      {Send::kResetIdle, Crash::kNone, both, both + seconds(1)},
  };
  const Rule& rule = kRules[6];
  ASSERT_EQ(rule.name, "lookup");
  const auto rules = rules_of(rule);
  for (const Row& row : rows) {
    Cell cell(rule, rules, {"", {row.first}});
    cell.begin(row.crash, {});
    EXPECT_EQ(cell.seen().state, State::kSucceeded);
    EXPECT_GE(cell.took(), row.least) << static_cast<int>(row.first);
    EXPECT_LE(cell.took(), row.most) << static_cast<int>(row.first);
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, EffectsTest, testing::ValuesIn(kRules), [](const auto& param) {
  std::string name;
  for (const char c : param.param.name)
    name += std::isalpha(static_cast<unsigned char>(c)) != 0 ? std::string(1, c) : "";
  return name;
});

// -- the page

std::string row_of(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells)
    out += cell.empty() ? " |" : " " + cell + " |";
  return out + "\n";
}

// Lines of one crash that say the same are one; and crashes whose lines all are the same.
std::string table_of(const std::vector<Line>& lines) {
  std::vector<std::size_t> used;
  for (std::size_t column = 0; column < kThens.size(); ++column) {
    if (std::any_of(lines.begin(), lines.end(), [&](const Line& l) { return !l.cells[column].empty(); }))
      used.push_back(column);
  }
  std::vector<std::string> head{"the process dies", "the first send"};
  std::vector<std::string> rule(head.size() + used.size(), "---");
  for (const std::size_t column : used)
    head.emplace_back(kThens[column].name);
  using Groups = std::vector<std::pair<Cells, std::string>>;
  std::vector<std::pair<Groups, std::string>> crashes;
  for (const auto& [crash, when] : kCrashes) {
    Groups groups;
    for (const Line& line : lines) {
      if (line.crash != crash) continue;
      const auto same =
          std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == line.cells; });
      if (same == groups.end()) {
        groups.emplace_back(line.cells, line.first);
      } else {
        same->second += " · " + line.first;
      }
    }
    if (groups.empty()) continue;
    const auto same =
        std::find_if(crashes.begin(), crashes.end(), [&](const auto& c) { return c.first == groups; });
    if (same == crashes.end()) {
      crashes.emplace_back(std::move(groups), when);
    } else {
      same->second += std::string(" · ") + when;
    }
  }
  std::string out = row_of(head) + row_of(rule);
  for (const auto& [groups, when] : crashes) {
    for (const auto& [cells, firsts] : groups) {
      std::vector<std::string> row{&firsts == &groups.front().second ? when : "", firsts};
      for (const std::size_t column : used)
        row.push_back(cells[column]);
      out += row_of(row);
    }
  }
  return out;
}

constexpr const char* kPage = R"(# Effects: every case

[effects.md](effects.md) explains effects in three minutes. This page lists every case.
`src/rehearsal/effects_test.cc` prints it: the test carries out each cell with the real engine and store,
in virtual time, against a receiver that counts. It also compares each cell with a model made of the rules
alone.

Each table is one `effect`. A step makes one request.

- **The process dies**: `kill -9` once, at this point; Postlude starts again a second later. *Not at all*:
  no crash.
- **The first send**: what happens to the first request. Later requests succeed unless the row says
  otherwise. *Acted* and *not acted*: what the receiver did, which Postlude cannot see.
- The other columns: what a person does two hours later. *retry*, *replay* and *replay --again* are `runs
  retry`, `runs replay` and `runs replay --again`. *newer*: a newer release of the canary has done the
  same step before. *done*, *repeat* and *fail* are `runs resume --as …` of a held step. An empty cell:
  the command does not apply, because the run has not failed or the step is not held.

A cell shows how the step of the newest run ends, and three numbers: effects at the receiver, requests
sent, searches made. One search is one or more looks: the first at once, then at growing intervals. It
ends with the first look that finds the effect, or with the first that is late enough for "not there" to
count. All requests of a step carry the same idempotency key, in all runs of the event. `--again` makes a
new key.
)";

TEST(EffectsPageTest, IsWhatWasSeen) {
  std::string page = kPage;
  for (const Rule& rule : kRules)
    page += "\n## " + std::string(rule.name) + "\n\n" + table_of(lines_of(rule));
  const std::string path = source_path("docs/effects-reference.md");
  if (std::getenv("POSTLUDE_UPDATE") != nullptr) std::ofstream(path) << page;
  std::ifstream file(path);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_TRUE(written == page)
      << "docs/effects-reference.md is not what was seen: run this test with POSTLUDE_UPDATE=1";
}

}  // namespace
}  // namespace postlude::rehearsal
