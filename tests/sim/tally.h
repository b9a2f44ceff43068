#pragma once
// Tally: how often each thing was met, so that a simulation in which nothing happens cannot pass.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace postlude::sim {

class Tally {
 public:
  void met(const std::string& what, std::uint64_t times = 1) { counts_[what] += times; }
  std::uint64_t count(const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
  void add(const Tally& other) {
    for (const auto& [what, times] : other.counts_)
      counts_[what] += times;
  }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace postlude::sim
