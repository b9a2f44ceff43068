#include "metrics/metrics.h"

#include <gtest/gtest.h>

namespace postlude::metrics {
namespace {

TEST(Metrics, WritesWhatPrometheusReads) {
  Metrics metrics;
  metrics.count("postlude_deliveries_total", "Deliveries.", {{"source", "flagger"}, {"verdict", "accepted"}});
  metrics.count("postlude_deliveries_total", "Deliveries.", {{"source", "flagger"}, {"verdict", "accepted"}},
                2);
  metrics.count("postlude_deliveries_total", "Deliveries.", {{"source", "fl\"a\n"}, {"verdict", "rejected"}});
  metrics.set("postlude_events_waiting", "Waiting.", {}, 7);
  metrics.observe_seconds("postlude_intake_seconds", "Latency.", {}, 0.002);
  const std::string text = metrics.exposition();
  EXPECT_NE(text.find("# TYPE postlude_deliveries_total counter"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(postlude_deliveries_total{source="flagger",verdict="accepted"} 3)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(source="fl\"a\n")"), std::string::npos) << text;
  EXPECT_NE(text.find("postlude_events_waiting 7"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(postlude_intake_seconds_bucket{le="0.0025"} 1)"), std::string::npos) << text;
}

TEST(Metrics, AGaugeIsForgotten) {
  Metrics metrics;
  metrics.unset("info", {{"revision", "a"}});
  metrics.set("info", "What is in force.", {{"revision", "a"}}, 1);
  metrics.unset("info", {{"revision", "b"}});
  EXPECT_NE(metrics.exposition().find("info{revision=\"a\"} 1"), std::string::npos);
  metrics.unset("info", {{"revision", "a"}});
  EXPECT_EQ(metrics.exposition().find("revision"), std::string::npos);
  metrics.set("info", "What is in force.", {{"revision", "a"}}, 1);
  EXPECT_NE(metrics.exposition().find("info{revision=\"a\"} 1"), std::string::npos);
}

TEST(Metrics, ManySeriesAreBounded) {
  Metrics metrics;
  for (int i = 0; i < 10'500; ++i)
    metrics.count("x_total", "X.", {{"id", std::to_string(i)}});
  const std::string text = metrics.exposition();
  EXPECT_NE(text.find(R"(x_total{id="other"})"), std::string::npos);
  EXPECT_EQ(text.find(R"(x_total{id="10400"})"), std::string::npos);
}

}  // namespace
}  // namespace postlude::metrics
