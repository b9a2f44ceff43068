#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <unordered_map>

namespace postlude::metrics {

namespace {

constexpr std::size_t kSeriesMax = 10'000;

// A family and its series, found again by the text of their labels.
template <class T>
struct Family {
  prometheus::Family<T>* family = nullptr;
  std::unordered_map<std::string, T*> series;
};

template <class T>
using Families = std::map<std::string, Family<T>, std::less<>>;

std::string key_of(const Labels& labels) {
  std::string key;
  for (const auto& [name, value] : labels) {
    key += value;
    key.push_back('\0');
  }
  return key;
}

const prometheus::Histogram::BucketBoundaries& buckets() {
  static const prometheus::Histogram::BucketBoundaries boundaries{
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
  return boundaries;
}

}  // namespace

struct Metrics::Impl {
  std::mutex mutex;  // guards all below but the series themselves
  prometheus::Registry registry;
  Families<prometheus::Counter> counters;
  Families<prometheus::Gauge> gauges;
  Families<prometheus::Histogram> histograms;

  template <class T, class Build, class... Arguments>
  T& series(Families<T>& families, Build build, std::string_view name, std::string_view help,
            const Labels& labels, Arguments&&... arguments) {
    const std::lock_guard lock(mutex);
    auto at = families.find(name);
    if (at == families.end()) {
      at = families.emplace(std::string(name), Family<T>{}).first;
      at->second.family = &build().Name(std::string(name)).Help(std::string(help)).Register(registry);
    }
    Family<T>& family = at->second;
    const std::string key = key_of(labels);
    const auto known = family.series.find(key);
    if (known != family.series.end()) return *known->second;
    prometheus::Labels named;
    for (const auto& [label, value] : labels)
      named[label] = family.series.size() < kSeriesMax ? value : "other";
    T& made = family.family->Add(named, std::forward<Arguments>(arguments)...);
    if (family.series.size() <= kSeriesMax) family.series.emplace(key, &made);
    return made;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::count(std::string_view name, std::string_view help, const Labels& labels, double by) {
  impl_->series(impl_->counters, prometheus::BuildCounter, name, help, labels).Increment(by);
}

void Metrics::set(std::string_view name, std::string_view help, const Labels& labels, double value) {
  impl_->series(impl_->gauges, prometheus::BuildGauge, name, help, labels).Set(value);
}

void Metrics::unset(std::string_view name, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  const auto family = impl_->gauges.find(name);
  if (family == impl_->gauges.end()) return;
  const auto known = family->second.series.find(key_of(labels));
  if (known == family->second.series.end()) return;
  family->second.family->Remove(known->second);
  family->second.series.erase(known);
}

void Metrics::observe_seconds(std::string_view name, std::string_view help, const Labels& labels,
                              double seconds) {
  impl_->series(impl_->histograms, prometheus::BuildHistogram, name, help, labels, buckets())
      .Observe(seconds);
}

std::string Metrics::exposition() const {
  const std::lock_guard lock(impl_->mutex);
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace postlude::metrics
