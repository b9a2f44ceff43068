// Halves: what is put in is found until newer things have crowded it out, by number or by bytes.

#include "ledger/halves.h"

#include <gtest/gtest.h>

#include <string>

namespace postlude::ledger {

namespace {

std::string kept_of(const Halves<std::string>& halves, int most) {
  std::string out;
  for (int i = 0; i < most; ++i)
    if (halves.find(i) != nullptr) out += *halves.find(i);
  return out;
}

TEST(HalvesTest, the_older_half_goes_when_the_newer_is_full) {
  Halves<std::string> halves(4, 1000);
  std::string seen;
  for (int i = 0; i < 6; ++i) {
    halves.put(i, std::to_string(i), 1);
    seen += kept_of(halves, 6) + ' ';
  }
  EXPECT_EQ(seen, "0 01 012 0123 234 2345 ");
}

TEST(HalvesTest, bytes_are_bounded_as_well) {
  Halves<std::string> halves(100, 40);
  for (int i = 0; i < 9; ++i)
    halves.put(i, std::to_string(i), 10);
  EXPECT_EQ(kept_of(halves, 9), "678");
  halves.put(9, "9", 11);  // more than a quarter
  EXPECT_EQ(kept_of(halves, 10), "678");
}

TEST(HalvesTest, what_is_put_in_again_stands_for_what_was_there) {
  Halves<std::string> halves(4, 1000);
  for (const char* value : {"a", "b"})
    halves.put(1, value, 1);
  halves.put(2, "c", 1);
  halves.put(3, "d", 1);  // "b" is in the older half now
  halves.put(1, "e", 1);
  EXPECT_EQ(*halves.find(1), "e");
  EXPECT_EQ(halves.take(1), "e");
  EXPECT_EQ(halves.take(1), std::nullopt);
  halves.put(2, "large", 1000);  // nor what was there
  EXPECT_EQ(halves.find(2), nullptr);
  EXPECT_EQ(kept_of(halves, 4), "d");
  halves.clear();
  EXPECT_EQ(kept_of(halves, 4), "");
}

}  // namespace

}  // namespace postlude::ledger
