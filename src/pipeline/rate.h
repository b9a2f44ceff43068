#pragma once
// Rates: token buckets by name, for sources' `rate` and targets' `limits.rate`. The burst is one period
// (contract 6).
//
// Loop thread only. The caller passes the time.

#include <map>
#include <string>
#include <string_view>

#include "base/time.h"

namespace postlude::pipeline {

class Rates {
 public:
  // Takes up to `wanted` tokens and returns how many it got.
  std::size_t take(std::string_view name, const Rate& rate, std::size_t wanted, Duration now);
  // Takes one token, in advance if there is none, and returns how long the caller must wait for it. Later
  // callers wait longer.
  Duration reserve(std::string_view name, const Rate& rate, Duration now);
  // Returns unused tokens.
  void give_back(std::string_view name, std::size_t count);
  // Time until the next token; 0: now.
  Duration until_next(std::string_view name, const Rate& rate, Duration now);

 private:
  struct Bucket {
    double tokens = 0;  // negative: tokens taken in advance
    Duration at{};
    Rate rate{};
  };
  Bucket& filled(std::string_view name, const Rate& rate, Duration now);
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace postlude::pipeline
