#pragma once
// Metrics: counters, gauges and histograms for /metrics. prometheus-cpp's core stays in metrics.cc.
//
// What there is to measure stands in catalogue.h, once: name, help, labels. A user asks for a series by its
// definition and the labels' values, keeps the handle, and counts through it. Any thread; asking takes a
// lock, counting through a handle does not. Values of labels come from the configuration, never from a
// caller.

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace postlude::metrics {

struct Definition {
  std::string_view name, help;
  std::span<const std::string_view> labels;
};
struct CounterDefinition : Definition {};
struct GaugeDefinition : Definition {};
struct HistogramDefinition : Definition {
  std::span<const double> buckets;
};

// Values of a definition's labels, in its order.
using Values = std::vector<std::string>;

// Handles. As valid as the Metrics that gave them; one that nobody gave counts nothing.
class Counter {
 public:
  Counter() = default;
  void add(double by = 1) const;

 private:
  friend class Metrics;
  explicit Counter(prometheus::Counter* series) : series_(series) {}
  prometheus::Counter* series_ = nullptr;
};
class Histogram {
 public:
  Histogram() = default;
  void observe(double value) const;

 private:
  friend class Metrics;
  explicit Histogram(prometheus::Histogram* series) : series_(series) {}
  prometheus::Histogram* series_ = nullptr;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The series, at 0 when it is first asked for. Bounded: of a definition with 10,000 series, all further
  // ones are one, whose labels are "other".
  Counter counter(const CounterDefinition& definition, const Values& values);
  Histogram histogram(const HistogramDefinition& definition, const Values& values);
  void set(const GaugeDefinition& definition, const Values& values, double value);
  // The gauge has these series, and no others any more.
  void set_all(const GaugeDefinition& definition, const std::vector<std::pair<Values, double>>& series);
  // Sets a counter that somebody else counts; it never goes back.
  void advance(const CounterDefinition& definition, const Values& values, double to);

  std::string exposition() const;  // Prometheus' text format 0.0.4

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::metrics
