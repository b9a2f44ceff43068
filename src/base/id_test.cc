#include "base/id.h"

#include <gtest/gtest.h>

namespace postlude {
namespace {

TEST(Id, WritesPrefixAndTwelveDigits) {
  EXPECT_EQ(EventId{1}.text(), "evt_000000000001");
  EXPECT_EQ(DeliveryId{35}.text(), "dlv_00000000000z");
  EXPECT_EQ(RunId{36}.text(), "run_000000000010");
}

TEST(Id, ReadsWhatItWrites) {
  for (const std::int64_t value : {0LL, 1LL, 35LL, 36LL, 123'456'789LL, 1LL << 40, 1LL << 62}) {
    const auto id = AttemptId::parse(AttemptId{value}.text());
    ASSERT_TRUE(id) << value;
    EXPECT_EQ(id->value, value);
  }
  EXPECT_EQ(EventId::parse("evt_2a")->value, 2 * 36 + 10);
}

TEST(Id, KeepsTheOrderOfMaking) {
  EXPECT_LT(EventId{35}.text(), EventId{36}.text());
  EXPECT_LT(EventId{36 * 36 - 1}.text(), EventId{36 * 36}.text());
  EXPECT_LT(EventId{1}, EventId{2});
}

TEST(Id, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "evt", "evt_", "evt-1", "run_1", "evt_A", "evt_1 ", "evt_-1", "evt_0000000000001", "evtx_1"}) {
    const auto id = EventId::parse(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().code, Code::kInvalid);
    EXPECT_NE(id.error().message.find("evt_"), std::string::npos);
  }
}

}  // namespace
}  // namespace postlude
