#include "pipeline/rate.h"

#include <algorithm>
#include <cmath>

namespace postlude::pipeline {

Rates::Bucket& Rates::filled(std::string_view name, const Rate& rate, Duration now) {
  auto at = buckets_.find(name);
  if (at == buckets_.end()) {
    at = buckets_.emplace(std::string(name), Bucket{static_cast<double>(rate.count), now, rate}).first;
  }
  Bucket& bucket = at->second;
  const double per_micro = static_cast<double>(rate.count) / static_cast<double>(rate.per.count());
  bucket.tokens = std::min(bucket.tokens + static_cast<double>((now - bucket.at).count()) * per_micro,
                           static_cast<double>(rate.count));
  bucket.at = now;
  bucket.rate = rate;
  return bucket;
}

std::size_t Rates::take(std::string_view name, const Rate& rate, std::size_t wanted, Duration now) {
  Bucket& bucket = filled(name, rate, now);
  const std::size_t count =
      std::min(wanted, static_cast<std::size_t>(std::floor(std::max(bucket.tokens, 0.0))));
  bucket.tokens -= static_cast<double>(count);
  return count;
}

Duration Rates::reserve(std::string_view name, const Rate& rate, Duration now) {
  const Duration wait = until_next(name, rate, now);
  filled(name, rate, now).tokens -= 1;
  return wait;
}

void Rates::give_back(std::string_view name, std::size_t count) {
  const auto at = buckets_.find(name);
  if (at == buckets_.end()) return;
  at->second.tokens =
      std::min(at->second.tokens + static_cast<double>(count), static_cast<double>(at->second.rate.count));
}

Duration Rates::until_next(std::string_view name, const Rate& rate, Duration now) {
  const Bucket& bucket = filled(name, rate, now);
  if (bucket.tokens >= 1) return Duration(0);
  const double micros_per = static_cast<double>(rate.per.count()) / static_cast<double>(rate.count);
  return Duration(static_cast<std::int64_t>(std::ceil((1 - bucket.tokens) * micros_per)));
}

}  // namespace postlude::pipeline
