#include "pipeline/pump.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "database/client.h"
#include "evaluator/evaluator.h"
#include "http/client.h"
#include "lang/yaml.h"
#include "pipeline/edges.h"

namespace postlude::pipeline {
namespace {

constexpr const char* kConfig = R"(sources: {flagger: {type: flagger, auth: [none]}}
workflows:
  w: {on: {source: flagger}, if: .event.phase == "None", steps: [{uses: wait, with: {for: 1s}}]}
)";

std::shared_ptr<const Rules> rules() {
  static const auto catalogue =
      std::make_shared<const connector::Catalogue>(connector::Catalogue::built_in());
  lang::Problems problems;
  const auto root = lang::read_yaml(kConfig, "p.yaml", problems);
  if (!root) return nullptr;
  RulesInput input;
  input.sources = root->find("sources");
  input.workflows = root->find("workflows");
  return Rules::build(input, catalogue, problems);
}

class PumpTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "postlude-pump-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    store::Options options;
    options.url = "sqlite:" + folder_ + "/a.db";
    options.durable = false;
    auto opened = store::Store::open(loop_, options);
    ASSERT_TRUE(opened);
    store_ = *std::move(opened);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  static rt::Task<int> unplanned(store::Store* store) {
    AWAIT(const auto counts, store->counts());
    co_return counts ? static_cast<int>(counts->unplanned) : -1;
  }

  // As after a start that finds them: nobody was told of the events.
  static rt::Task<> story(Pipeline* pipeline, Pump* pump, store::Store* store, rt::Loop* loop,
                          std::vector<int>* left) {
    for (int i = 0; i < 24; ++i) {
      HttpRequest request;
      request.method = "POST";
      request.target = "/hooks/flagger/post-rollout";
      request.headers.add("Content-Type", "application/json");
      request.body = R"({"name":"app)" + std::to_string(i) +
                     R"(","namespace":"prod","phase":"Succeeded","metadata":{"x":")" +
                     std::string(900'000, 'x') + R"("}})";
      request.received_at = rt::now();
      AWAIT(const HttpResponse answer, pipeline->receive(std::move(request)));
      EXPECT_EQ(answer.status, 202) << answer.body;
    }
    AWAIT(const int before, unplanned(store));
    left->push_back(before);
    pump->start();
    for (int i = 0; i < 1200 && left->back() != 0; ++i) {
      AWAIT_DONE(rt::sleep_for(std::chrono::milliseconds(50)));
      AWAIT(const int now, unplanned(store));
      left->push_back(now);
    }
    AWAIT(const bool ended, pump->stop());
    EXPECT_TRUE(ended);
    loop->stop();
  }

  std::string folder_;
  rt::Loop loop_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(PumpTest, PlansWhatIsTooMuchToBeReadAtOnce) {
  const auto built = rules();
  ASSERT_NE(built, nullptr);
  evaluator::Evaluator evaluator(loop_, {});
  http::Client client(loop_, {});
  Expressions expressions(evaluator);
  metrics::Metrics metrics;
  const SecretLookup secrets = [](const SecretRef&) -> Result<std::string> {
    return Error(Code::kNotFound, "none");
  };
  database::Client databases(loop_);
  Edges edges(loop_, client, databases);
  Pipeline pipeline({loop_, *store_, edges, expressions, metrics, secrets});
  pipeline.use(built);
  Pump pump(loop_, pipeline, *store_, {});
  rt::Group group(loop_, "test");
  std::vector<int> left;
  group.start(story(&pipeline, &pump, store_.get(), &loop_, &left));
  loop_.run();
  group.abandon();
  EXPECT_EQ(left.front(), 24);
  EXPECT_EQ(left.back(), 0);
}

}  // namespace
}  // namespace postlude::pipeline
