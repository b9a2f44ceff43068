// What expressions cost: an `if` and a rendered body as the pipeline evaluates them, natively and in a child
// process, each beside parsing the same event's document, in microseconds.
//
//   postlude_bench_expressions SECONDS    about so long for each case
//
// Prints `case<tab>NAME<tab>MICROSECONDS<tab>MICROSECONDS-OF-PARSING` for each, and `program` and `document`,
// with which others may be measured.

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "evaluator/child.h"
#include "evaluator/evaluator.h"
#include "lang/yaml.h"
#include "model/event.h"
#include "pipeline/expressions.h"

namespace postlude {
namespace {

constexpr Duration kBatch = std::chrono::milliseconds(5);  // between two looks at the clock, at least
constexpr std::size_t kRoundsMin = 5;

constexpr const char* kSimple = R"(.event.metadata.environment == "production")";
constexpr const char* kThree =
    R"(.event.phase == "Succeeded" and .event.metadata.environment == "production" and (.event.metadata.skip | not))";
constexpr const char* kJq = R"(.event.name | test("^(shop|pay)-[a-z0-9-]+$"))";
constexpr const char* kGsub = R"((.event.name | gsub("-canary$"; "")) == "shop-checkout")";

// Twelve leaves, six of them expressions; as a ticket's fields are.
constexpr const char* kBody = R"(
fields:
  project: {key: '${{ .event.metadata.jiraProject }}'}
  issuetype: {name: Release}
  summary: 'Release ${{ .event.name }} ${{ .event.checksum }}'
  description: 'Deployed to ${{ .event.metadata.environment }}'
  labels: [postlude, '${{ .event.namespace }}']
  priority: {name: Medium}
  components: [{name: '${{ .event.metadata.team // "none" }}'}]
  duedate: null
  watchers: 3
  notify: true
  environment: cluster
)";

Event event() {
  Event e;
  e.id = EventId{4'711};
  e.delivery = DeliveryId{4'712};
  e.source = "flagger";
  e.cluster = "prod-eu";
  e.hook = "post-rollout";
  e.name_space = "prod-shop";
  e.name = "shop-checkout-canary";
  e.phase = "Succeeded";
  e.outcome = "succeeded";
  e.checksum = "7774c75db4";
  e.metadata = R"({"environment":"production","jiraProject":"SHOP","team":"checkout","service":"checkout"})";
  e.payload =
      R"({"name":"shop-checkout-canary","namespace":"prod-shop","phase":"Succeeded","checksum":"7774c75db4",)"
      R"("metadata":{"environment":"production","jiraProject":"SHOP","team":"checkout","service":"checkout"}})";
  return e;
}

evaluator::Options options() {
  evaluator::Options o;
  o.command = {"/proc/self/exe", std::string(evaluator::kChildWord)};
  o.prelude = std::string(lang::prelude());
  return o;
}

struct Case {
  const char* name;
  std::vector<lang::Expression> expressions;  // together in one evaluation
  std::optional<lang::Template> body;         // assembled from their values
  std::string expected;                       // of the last value, or of the body
  double shared_by = 1;                       // what is told is the time's share
};

class Measuring {
 public:
  explicit Measuring(Duration at_least)
      : at_least_(at_least), evaluator_(loop_, options()), expressions_(evaluator_), group_(loop_, "bench") {
    document_ = document(event());
    json::object context;
    context["event"] = json::parse(document_);
    context["run"] = {
        {"id", "run_00000000abc"}, {"workflow", "release"}, {"createdAt", "2026-01-31T12:00:00Z"}};
    context["workflow"] = {{"name", "release"}};
    context["vars"] = {{"issue", "SHOP-12"}};
    context["steps"] = {{"version", {{"state", "succeeded"}, {"outputs", {{"id", "10042"}}}}}};
    context["status"] = "success";
    context_ = std::make_shared<const json::value>(std::move(context));
  }

  int run(std::vector<Case> cases) {
    std::printf("program\t%s\ndocument\t%s\n", kSimple, to_text(*context_).c_str());
    group_.start(all(this, std::move(cases)));
    loop_.run();
    group_.abandon();
    return failed_ ? 1 : 0;
  }

 private:
  static rt::Task<> all(Measuring* self, std::vector<Case> cases) {
    for (const Case& one : cases) {
      if (!self->failed_) AWAIT_DONE(measure(self, &one));
    }
    AWAIT_DONE(self->evaluator_.stop());
    self->loop_.stop();
  }

  // Medians over rounds, in which each side has its turn.
  static rt::Task<> measure(Measuring* self, const Case* one) {
    AWAIT_DONE(evaluate(self, one));  // compiles, and starts what is needed
    if (self->failed_) co_return;
    std::vector<double> ours;
    std::vector<double> parsing;
    const Duration begun = rt::steady_now();
    while (ours.size() < kRoundsMin || rt::steady_now() - begun < self->at_least_) {
      parsing.push_back(parse(self->document_));
      std::size_t count = 0;
      const Duration from = rt::steady_now();
      Duration took{};
      do {
        AWAIT_DONE(evaluate(self, one));
        ++count;
        took = rt::steady_now() - from;
      } while (took < kBatch && !self->failed_);
      ours.push_back(static_cast<double>(took.count()) / static_cast<double>(count));
    }
    std::printf("case\t%s\t%.3f\t%.3f\n", one->name, median(ours) / one->shared_by, median(parsing));
    std::fflush(stdout);
  }

  // As the pipeline does it, the comparison with what is expected aside.
  static rt::Task<> evaluate(Measuring* self, const Case* one) {
    AWAIT(const pipeline::Values values,
          self->expressions_.evaluate(one->expressions, self->context_, Instant{}));
    std::string got;
    if (one->body) {
      const auto assembled = one->body->assemble(values);
      got = assembled ? to_text(*assembled) : assembled.error().message;
    } else {
      got = values.back() ? *values.back() : values.back().error().message;
    }
    if (got == one->expected) co_return;
    std::printf("%s: %s, and not %s\n", one->name, got.c_str(), one->expected.c_str());
    self->failed_ = true;
  }

  // Microseconds of one parse.
  static double parse(const std::string& text) {
    std::size_t count = 0;
    std::size_t members = 0;
    const Duration from = rt::steady_now();
    Duration took{};
    do {
      for (int i = 0; i < 16; ++i)
        members += json::parse(text).as_object().size();
      count += 16;
      took = rt::steady_now() - from;
    } while (took < kBatch);
    CHECK(members >= count);
    return static_cast<double>(took.count()) / static_cast<double>(count);
  }

  static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }

  const Duration at_least_;
  rt::Loop loop_;
  evaluator::Evaluator evaluator_;
  pipeline::Expressions expressions_;
  rt::Group group_;
  std::string document_;
  std::shared_ptr<const json::value> context_;
  bool failed_ = false;
};

Case condition(const char* name, const char* text, std::size_t times = 1) {
  Case out{name, {}, std::nullopt, "true", 1};
  if (times == 1) {
    out.expressions.push_back({text, {}});
    return out;
  }
  out.shared_by = static_cast<double>(times);
  for (std::size_t i = 0; i < times; ++i)  // each a text of its own
    out.expressions.push_back({"(" + std::to_string(i) + " >= 0) and (" + text + ")", {}});
  return out;
}

Case body(const char* name, std::string text, std::string expected) {
  lang::Problems problems;
  const auto node = lang::read_yaml(text, "body.yaml", problems);
  CHECK(node.has_value());
  Case out{name, {}, lang::Template::read(*node, nullptr, problems), std::move(expected), 1};
  CHECK(!lang::any_error(problems));
  out.body->collect(out.expressions);
  return out;
}

int measure(Duration at_least) {
  std::string expected =
      R"({"fields":{"project":{"key":"SHOP"},"issuetype":{"name":"Release"},)"
      R"("summary":"Release shop-checkout-canary 7774c75db4","description":"Deployed to production",)"
      R"("labels":["postlude","prod-shop"],"priority":{"name":"Medium"},"components":[{"name":"checkout"}],)"
      R"("duedate":null,"watchers":3,"notify":true,"environment":"cluster"}})";
  std::string with_jq = kBody;
  with_jq.replace(with_jq.find(".event.namespace"), 16, ".event.namespace | ascii_downcase");
  std::vector<Case> cases;
  cases.push_back(condition("an `if` (one comparison), beside parsing the event", kSimple));
  cases.push_back(condition("an `if` (three conditions), beside parsing the event", kThree));
  cases.push_back(body("a body of 12 leaves with 6 expressions, beside parsing the event", kBody, expected));
  cases.push_back(condition("an `if` for jq (test) in a child, beside parsing the event", kJq));
  cases.push_back(condition("an `if` for jq (gsub) in a child, beside parsing the event", kGsub));
  cases.push_back(condition("each of ten such (test) at once in a child, beside parsing the event", kJq, 10));
  cases.push_back(body("the body with one expression for jq, beside parsing the event", with_jq, expected));
  Measuring measuring(at_least);
  return measuring.run(std::move(cases));
}

}  // namespace
}  // namespace postlude

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == postlude::evaluator::kChildWord) postlude::evaluator::run_child();
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 1;
  if (!(seconds > 0 && seconds <= 60)) {
    std::fprintf(stderr, "usage: %s SECONDS, of each case, up to 60\n", argv[0]);
    return 2;
  }
  return postlude::measure(postlude::Duration(static_cast<std::int64_t>(seconds * 1e6)));
}
