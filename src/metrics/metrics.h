#pragma once
// Metrics: counters, gauges and histograms for /metrics. prometheus-cpp's core stays in metrics.cc.
//
// Any thread. A series is looked up by its labels once and kept by its user; lookups take a lock, counting
// does not.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postlude::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Each creates the series when it is first named. Bounded: a name with 10,000 series counts the rest as
  // "other".
  void count(std::string_view name, std::string_view help, const Labels& labels, double by = 1);
  void set(std::string_view name, std::string_view help, const Labels& labels, double value);
  // Forgets a gauge's series: one whose labels named a state that is over.
  void unset(std::string_view name, const Labels& labels);
  void observe_seconds(std::string_view name, std::string_view help, const Labels& labels, double seconds);

  std::string exposition() const;  // Prometheus' text format 0.0.4

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::metrics
