#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/check.h"

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

std::string key_of(const Values& values) {
  std::string key;
  for (const std::string& value : values) {
    key += value;
    key.push_back('\0');
  }
  return key;
}

}  // namespace

struct Metrics::Impl {
  std::mutex mutex;  // guards all below but the series themselves
  prometheus::Registry registry;
  Families<prometheus::Counter> counters;
  Families<prometheus::Gauge> gauges;
  Families<prometheus::Histogram> histograms;

  // Under the lock.
  template <class T, class Build>
  Family<T>& family(Families<T>& families, Build build, const Definition& definition) {
    const auto known = families.find(definition.name);
    if (known != families.end()) return known->second;
    Family<T>& made = families[std::string(definition.name)];
    made.family =
        &build().Name(std::string(definition.name)).Help(std::string(definition.help)).Register(registry);
    return made;
  }

  template <class T, class... Arguments>
  T& series(Family<T>& family, const Definition& definition, const Values& values, Arguments&&... arguments) {
    CHECK(values.size() == definition.labels.size());
    std::string key = key_of(values);
    const auto known = family.series.find(key);
    if (known != family.series.end()) return *known->second;
    const bool room = family.series.size() < kSeriesMax;
    prometheus::Labels named;
    for (std::size_t i = 0; i < values.size(); ++i)
      named[std::string(definition.labels[i])] = room ? values[i] : "other";
    T& made = family.family->Add(named, std::forward<Arguments>(arguments)...);
    if (room) family.series.emplace(std::move(key), &made);
    return made;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Counter::add(double by) const {
  if (series_ != nullptr) series_->Increment(by);
}

void Histogram::observe(double value) const {
  if (series_ != nullptr) series_->Observe(value);
}

Counter Metrics::counter(const CounterDefinition& definition, const Values& values) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->family(impl_->counters, prometheus::BuildCounter, definition);
  return Counter(&impl_->series(family, definition, values));
}

Histogram Metrics::histogram(const HistogramDefinition& definition, const Values& values) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->family(impl_->histograms, prometheus::BuildHistogram, definition);
  return Histogram(&impl_->series(
      family, definition, values,
      prometheus::Histogram::BucketBoundaries(definition.buckets.begin(), definition.buckets.end())));
}

void Metrics::set(const GaugeDefinition& definition, const Values& values, double value) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->family(impl_->gauges, prometheus::BuildGauge, definition);
  impl_->series(family, definition, values).Set(value);
}

void Metrics::set_all(const GaugeDefinition& definition,
                      const std::vector<std::pair<Values, double>>& series) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->family(impl_->gauges, prometheus::BuildGauge, definition);
  std::set<std::string> kept;
  for (const auto& [values, value] : series)
    kept.insert(key_of(values));
  for (auto at = family.series.begin(); at != family.series.end();) {
    if (kept.contains(at->first)) {
      ++at;
      continue;
    }
    family.family->Remove(at->second);
    at = family.series.erase(at);
  }
  for (const auto& [values, value] : series)
    impl_->series(family, definition, values).Set(value);
}

void Metrics::advance(const CounterDefinition& definition, const Values& values, double to) {
  const std::lock_guard lock(impl_->mutex);
  auto& family = impl_->family(impl_->counters, prometheus::BuildCounter, definition);
  prometheus::Counter& series = impl_->series(family, definition, values);
  if (to > series.Value()) series.Increment(to - series.Value());
}

std::string Metrics::exposition() const {
  const std::lock_guard lock(impl_->mutex);
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace postlude::metrics
