#pragma once
// BoundedCache: a bounded cache by id, in two halves. When the newer half is full, the older one is dropped
// and the newer one takes its place. For ledger/ and store/. Not thread-safe.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

namespace postlude::ledger {

template <class T>
class BoundedCache {
 public:
  BoundedCache(std::size_t count_max, std::size_t bytes_max) : count_max_(count_max), bytes_max_(bytes_max) {}

  // Replaces the value of that id. A value of more than a quarter of `bytes_max` is not kept.
  void put(std::int64_t id, T value, std::size_t bytes) {
    (void)take(id);
    if (bytes > bytes_max_ / 4) return;
    if (newer_.kept.size() >= count_max_ / 2 || newer_.bytes + bytes > bytes_max_ / 2)
      older_ = std::exchange(newer_, {});
    newer_.bytes += bytes;
    newer_.kept.emplace(id, Kept{std::move(value), bytes});
  }
  const T* find(std::int64_t id) const {
    for (const Half* half : {&newer_, &older_}) {
      const auto found = half->kept.find(id);
      if (found != half->kept.end()) return &found->second.value;
    }
    return nullptr;
  }
  std::optional<T> take(std::int64_t id) {  // removes and returns it
    for (Half* half : {&newer_, &older_}) {
      const auto found = half->kept.find(id);
      if (found == half->kept.end()) continue;
      std::optional<T> out(std::move(found->second.value));
      half->bytes -= found->second.bytes;
      half->kept.erase(found);
      return out;
    }
    return std::nullopt;
  }
  void clear() { newer_ = older_ = {}; }

 private:
  struct Kept {
    T value;
    std::size_t bytes = 0;
  };
  struct Half {
    std::unordered_map<std::int64_t, Kept> kept;
    std::size_t bytes = 0;
  };
  const std::size_t count_max_, bytes_max_;
  Half newer_, older_;
};

}  // namespace postlude::ledger
