#include "metrics/metrics.h"

#include <gtest/gtest.h>

#include "metrics/catalogue.h"

namespace postlude::metrics {
namespace {

bool holds(const Metrics& metrics, std::string_view line) {
  return ("\n" + metrics.exposition()).find("\n" + std::string(line) + "\n") != std::string::npos;
}

TEST(Metrics, WritesWhatPrometheusReads) {
  Metrics metrics;
  const Counter accepted = metrics.counter(kDeliveries, {"flagger", "post-rollout", "accepted"});
  accepted.add();
  metrics.counter(kDeliveries, {"flagger", "post-rollout", "accepted"}).add(2);
  metrics.counter(kDeliveries, {"fl\"a\n", "event", "rejected"}).add();
  metrics.set(kEventsWaiting, {}, 7);
  metrics.histogram(kIntakeSeconds, {}).observe(0.002);
  EXPECT_TRUE(holds(metrics, "# TYPE postlude_deliveries_total counter")) << metrics.exposition();
  EXPECT_TRUE(holds(
      metrics, R"(postlude_deliveries_total{hook="post-rollout",source="flagger",verdict="accepted"} 3)"))
      << metrics.exposition();
  EXPECT_NE(metrics.exposition().find(R"(source="fl\"a\n")"), std::string::npos) << metrics.exposition();
  EXPECT_TRUE(holds(metrics, "postlude_events_waiting 7")) << metrics.exposition();
  EXPECT_TRUE(holds(metrics, R"(postlude_intake_seconds_bucket{le="0.001"} 0)")) << metrics.exposition();
  EXPECT_TRUE(holds(metrics, R"(postlude_intake_seconds_bucket{le="0.0025"} 1)")) << metrics.exposition();
}

TEST(Metrics, ASeriesIsThereFromWhenItIsAskedFor) {
  Metrics metrics;
  (void)metrics.counter(kReloads, {"rejected"});
  (void)metrics.histogram(kRunSeconds, {"jira"});
  EXPECT_TRUE(holds(metrics, R"(postlude_config_reloads_total{result="rejected"} 0)"))
      << metrics.exposition();
  EXPECT_TRUE(holds(metrics, R"(postlude_run_duration_seconds_count{workflow="jira"} 0)"))
      << metrics.exposition();
  Counter().add();
  Histogram().observe(1);
}

TEST(Metrics, AGaugeHasTheSeriesThatItWasSetToLast) {
  Metrics metrics;
  metrics.set_all(kStepsHeld, {{{"a", "jira"}, 2}, {{"b", "jira"}, 1}});
  EXPECT_TRUE(holds(metrics, R"(postlude_steps_held{target="jira",workflow="a"} 2)")) << metrics.exposition();
  metrics.set_all(kStepsHeld, {{{"a", "jira"}, 3}});
  EXPECT_TRUE(holds(metrics, R"(postlude_steps_held{target="jira",workflow="a"} 3)")) << metrics.exposition();
  EXPECT_EQ(metrics.exposition().find(R"(workflow="b")"), std::string::npos) << metrics.exposition();
  metrics.set_all(kStepsHeld, {{{"b", "jira"}, 1}});
  EXPECT_TRUE(holds(metrics, R"(postlude_steps_held{target="jira",workflow="b"} 1)")) << metrics.exposition();
}

TEST(Metrics, WhatSomebodyElseCountsNeverGoesBack) {
  Metrics metrics;
  metrics.advance(kReloads, {"loaded"}, 3);
  metrics.advance(kReloads, {"loaded"}, 2);
  EXPECT_TRUE(holds(metrics, R"(postlude_config_reloads_total{result="loaded"} 3)")) << metrics.exposition();
  metrics.advance(kReloads, {"loaded"}, 5);
  EXPECT_TRUE(holds(metrics, R"(postlude_config_reloads_total{result="loaded"} 5)")) << metrics.exposition();
}

TEST(Metrics, ManySeriesAreBounded) {
  Metrics metrics;
  for (int i = 0; i < 10'500; ++i)
    metrics.counter(kBrokenRequests, {std::to_string(i)}).add();
  EXPECT_TRUE(holds(metrics, R"(postlude_broken_requests_total{status="other"} 500)"));
  EXPECT_EQ(metrics.exposition().find(R"(status="10400")"), std::string::npos);
}

}  // namespace
}  // namespace postlude::metrics
