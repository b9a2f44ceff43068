#pragma once
// Rates: token buckets by name, for sources' `rate` and targets' `limits.rate`. The burst is one period
// (contract 6).
//
// Loop thread only; the caller brings the time.

#include <map>
#include <string>
#include <string_view>

#include "base/time.h"

namespace postlude::pipeline {

class Rates {
 public:
  // How many may pass now, at most `wanted`; they are taken.
  std::size_t take(std::string_view name, const Rate& rate, std::size_t wanted, Duration now);
  // Takes one, though it may be still to come: how long to wait until it is there. Whoever takes later waits
  // longer.
  Duration reserve(std::string_view name, const Rate& rate, Duration now);
  // Gives back what was taken and not used.
  void give_back(std::string_view name, std::size_t count);
  // How long until the next may pass; 0: now.
  Duration until_next(std::string_view name, const Rate& rate, Duration now);

 private:
  struct Bucket {
    double tokens = 0;  // below 0: reserved ones that are still to come
    Duration at{};
    Rate rate{};
  };
  Bucket& filled(std::string_view name, const Rate& rate, Duration now);
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace postlude::pipeline
