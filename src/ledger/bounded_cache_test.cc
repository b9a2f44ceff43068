// BoundedCache: what is put in is found until newer things have crowded it out, by number or by bytes.

#include "ledger/bounded_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace postlude::ledger {

namespace {

std::string kept_of(const BoundedCache<std::string>& cache, int most) {
  std::string out;
  for (int i = 0; i < most; ++i)
    if (cache.find(i) != nullptr) out += *cache.find(i);
  return out;
}

TEST(HalvesTest, the_older_half_goes_when_the_newer_is_full) {
  BoundedCache<std::string> cache(4, 1000);
  std::string seen;
  for (int i = 0; i < 6; ++i) {
    cache.put(i, std::to_string(i), 1);
    seen += kept_of(cache, 6) + ' ';
  }
  EXPECT_EQ(seen, "0 01 012 0123 234 2345 ");
}

TEST(HalvesTest, bytes_are_bounded_as_well) {
  BoundedCache<std::string> cache(100, 40);
  for (int i = 0; i < 9; ++i)
    cache.put(i, std::to_string(i), 10);
  EXPECT_EQ(kept_of(cache, 9), "678");
  cache.put(9, "9", 11);  // more than a quarter
  EXPECT_EQ(kept_of(cache, 10), "678");
}

TEST(HalvesTest, what_is_put_in_again_stands_for_what_was_there) {
  BoundedCache<std::string> cache(4, 1000);
  for (const char* value : {"a", "b"})
    cache.put(1, value, 1);
  cache.put(2, "c", 1);
  cache.put(3, "d", 1);  // "b" is in the older half now
  cache.put(1, "e", 1);
  EXPECT_EQ(*cache.find(1), "e");
  EXPECT_EQ(cache.take(1), "e");
  EXPECT_EQ(cache.take(1), std::nullopt);
  cache.put(2, "large", 1000);  // nor what was there
  EXPECT_EQ(cache.find(2), nullptr);
  EXPECT_EQ(kept_of(cache, 4), "d");
  cache.clear();
  EXPECT_EQ(kept_of(cache, 4), "");
}

}  // namespace

}  // namespace postlude::ledger
