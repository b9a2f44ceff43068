#pragma once
// DeskTest: one workflow of one target in virtual time; what arrives there, when, and how it is answered. For
// tests.
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/json.h"
#include "base/log.h"
#include "evaluator/in_process.h"
#include "lang/expression.h"
#include "lang/yaml.h"
#include "rehearsal/rehearsal.h"
#include "sql/sql.h"

namespace postlude::rehearsal {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline constexpr const char* kDesk = R"(connector: desk
summary: A desk
auth: [none]
actions:
  state:
    summary: S
    input: {}
    requests: [{id: do, put: /do, effect: state, body: {key: '${{ .key }}'}}]
  key:
    summary: K
    input: {}
    requests: [{id: do, put: /do, effect: key, keyWindow: 1h, body: {key: '${{ .key }}'}}]
  lookup:
    summary: L
    input: {}
    requests: [{id: do, put: /do, effect: lookup, body: {key: '${{ .key }}'}}]
    lookup:
      - {id: look, get: /look, query: {key: '${{ .key }}'}, outputs: '${{ .requests.look.response.body }}'}
  none:
    summary: N
    input: {}
    requests: [{id: do, put: /do, effect: none, onUnclear: repeat, body: {key: '${{ .key }}'}}]
  both:
    summary: B
    input: {}
    requests:
      - {id: do, put: /do, effect: none, onUnclear: hold, body: {key: '${{ .key }}'}}
      - id: tell
        put: /tell
        effect: state
        body: {of: '${{ .requests.do.response.body.id }}', key: '${{ .key }}'}
    outputs: {id: '${{ .requests.do.response.body.id }}'}
  two:
    summary: T
    input: {}
    requests:
      - {id: ask, get: /ask}
      - {id: do, put: /do, effect: none, onUnclear: hold, body: {key: '${{ .key }}'}}
  note:
    summary: N
    input: {type: object, properties: {text: {type: string}}}
    requests: [{id: do, put: /do, effect: state, body: {key: '${{ .key }}', text: '${{ .with.text }}'}}]
  card:
    summary: C
    input: {}
    requests: [{id: do, put: /do, effect: state, body: {key: '${{ .key }}'}}]
    update: [{id: do, put: /do, effect: state, body: {key: '${{ .key }}'}}]
  ticket:
    summary: T
    input: {}
    requests: [{id: do, put: /do, effect: none, onUnclear: hold, body: {key: '${{ .key }}'}}]
    update: [{id: change, put: '/do/${{ .outputs.id | @uri }}', effect: state, body: {key: '${{ .key }}'}}]
    outputs: {id: '${{ .requests.do.response.body.id | ascii_downcase }}'}
  window:
    summary: W
    input: {}
    requests:
      - {id: ask, get: /ask}
      - {id: do, put: /do, effect: key, keyWindow: 100s, onUnclear: hold, body: {key: '${{ .key }}'}}
)";

// `limits` goes into the target, `steps` into the workflow's list; both may close it and add more.
inline std::shared_ptr<const pipeline::Rules> rules(const std::string& limits, const std::string& steps,
                                                    const std::string& concurrency = "{policy: parallel}") {
  lang::Problems problems;
  auto catalogue = std::make_shared<connector::Catalogue>(connector::Catalogue::built_in());
  catalogue->add(kDesk, "desk.yaml", problems);
  const auto root = lang::read_yaml(
      "sources: {flagger: {type: flagger, auth: [none]}}\n"
      "targets: {desk: {connector: desk, url: \"https://desk.example.com\", auth: none" +
          limits +
          "}}\n"
          "workflows:\n  w: {on: {source: flagger}, concurrency: " +
          concurrency + ", steps: [" + steps + "]}\n",
      "t.yaml", problems);
  for (const lang::Problem& p : problems)
    EXPECT_TRUE(p.warning) << lang::to_text(p);
  CHECK(root);
  pipeline::RulesInput input;
  input.sources = root->find("sources");
  input.targets = root->find("targets");
  input.workflows = root->find("workflows");
  input.public_url = "https://postlude.example.com";
  auto out = pipeline::Rules::build(input, catalogue, problems);
  for (const lang::Problem& p : problems) {
    if (!p.warning) ADD_FAILURE() << lang::to_text(p);
  }
  return out;
}

inline pipeline::Expressions& expressions() {
  static evaluator::InProcess interpreter{std::string(lang::prelude())};
  static pipeline::Expressions out(interpreter);
  return out;
}

inline double to_seconds(Duration d) {
  return static_cast<double>(d.count()) / 1e6;
}

class DeskTest : public testing::Test {
 protected:
  struct Arrival {
    Instant at;
    Instant until;  // when it was settled for us
    std::string request;
    std::string key;
    std::string text;
  };

  void begin(std::shared_ptr<const pipeline::Rules> with) {
    rehearsal_.reset();
    made_ = false;
    answers_ = "{}";
    arrivals_.clear();
    Options options;
    options.plan_again = options.step_again = hours(1);
    auto begun = Rehearsal::begin(
        std::move(with), expressions(), [this](const Sent& s) { return answer(s); }, options);
    ASSERT_TRUE(begun) << begun.error().message;
    rehearsal_ = *std::move(begun);
  }
  ScriptedAnswer answer(const Sent& sent) {
    const json::value body = sent.http().body.empty() ? json::value() : json::parse(sent.http().body);
    ScriptedAnswer out{takes_, HttpResponse()};
    out.http().status = 200;
    out.http().headers.add("Content-Type", "application/json");
    out.http().body = answers_;
    if (sent.request == "lookup.look") out.http().body = made_ ? R"({"id":"x"})" : "null";
    if (sent.request == "do") made_ = made_ || !(arrivals_.empty() && idle_);
    if (arrivals_.empty() && first_) {
      out.delay = first_->delay;
      out.result = first_->result;
    }
    if (arrivals_.size() + 1 == breaks_) out.http().status = 500;
    arrivals_.push_back({sent.at, sent.at + std::min<Duration>(out.delay, seconds(30)), sent.request,
                         std::string(find_text(body, "key")), std::string(find_text(body, "text"))});
    return out;
  }
  void accept(const std::string& name) {
    const auto event = rehearsal_->accept(
        {"flagger", "post-rollout", "",
         R"({"name":")" + name + R"(","namespace":"prod","phase":"Succeeded","checksum":"c"})",
         std::nullopt});
    EXPECT_TRUE(event) << event.error().message;
  }
  std::vector<postlude::Run> all_runs() {
    std::vector<postlude::Run> out;
    const auto runs = rehearsal_->ask(rehearsal_->store().runs({}, {}));
    EXPECT_TRUE(runs && *runs);
    for (const auto& run : **runs) {
      const auto detail = rehearsal_->ask(rehearsal_->store().run(run.id));
      EXPECT_TRUE(detail && *detail);
      out.push_back((*detail)->run);
    }
    return out;
  }
  std::int64_t count(const char* question) {
    std::int64_t out = -1;
    EXPECT_TRUE(
        rehearsal_->memory().db().each(question, {}, [&](const sql::Row& row) { out = row.integer(0); }));
    return out;
  }

  Duration takes_ = milliseconds(5);
  std::optional<ScriptedAnswer> first_;
  std::size_t breaks_ = 0;  // the arrival, counted from 1, that is answered 500
  bool idle_ = false;       // the receiver does not act on the first
  bool made_ = false;
  std::string answers_ = "{}";  // the body
  std::vector<Arrival> arrivals_;
  std::unique_ptr<Rehearsal> rehearsal_;
};

}  // namespace postlude::rehearsal
