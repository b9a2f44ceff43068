#include "pipeline/links.h"

#include <gtest/gtest.h>

namespace postlude::pipeline {
namespace {

TEST(Links, WhatIsGivenOutIsReadBack) {
  for (const LinkKind kind : {LinkKind::kCallback, LinkKind::kApprove, LinkKind::kReject}) {
    for (const std::uint32_t step : {0U, 7U, 4'000'000'000U}) {
      const Link link{kind, RunId{42}, step};
      const auto read = read_link("secret", link_text("secret", link));
      ASSERT_TRUE(read.has_value());
      EXPECT_EQ(read->kind, kind);
      EXPECT_EQ(read->run, RunId{42});
      EXPECT_EQ(read->step, step);
    }
  }
}

TEST(Links, NothingElseIs) {
  const std::string good = link_text("secret", {LinkKind::kApprove, RunId{42}, 3});
  EXPECT_FALSE(read_link("another", good).has_value());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string other = good;
    other[i] = other[i] == '0' ? '1' : '0';
    EXPECT_FALSE(read_link("secret", other).has_value()) << other;
    EXPECT_FALSE(read_link("secret", good.substr(0, i)).has_value());
  }
  EXPECT_FALSE(read_link("secret", good + "0").has_value());
  EXPECT_FALSE(read_link("secret", "").has_value());
  EXPECT_FALSE(read_link("secret", std::string(100'000, '.')).has_value());
}

TEST(Links, WhoMayOnlyLookSeesNoProof) {
  const std::string one = link_text("secret", {LinkKind::kApprove, RunId{42}, 3});
  const std::string two = link_text("secret", {LinkKind::kCallback, RunId{7}, 0});
  const std::string text =
      R"({"a":"https://x/links/)" + one + R"(","b":"run_00000000002a and )" + two + R"("})";
  const std::string masked = without_links(text);
  EXPECT_EQ(masked.find(one.substr(one.rfind('.') + 1)), std::string::npos);
  EXPECT_EQ(masked.find(two.substr(two.rfind('.') + 1)), std::string::npos);
  EXPECT_NE(masked.find(".3.a.***"), std::string::npos);
  EXPECT_NE(masked.find("run_00000000002a and "), std::string::npos);
  for (const std::string plain :
       {"run_1", "run_1.", "run_1.2.a.", "run_", "run_1.2.a.0123", "run_1.22222222222222.a.x"})
    EXPECT_EQ(without_links(plain), plain);
}

}  // namespace
}  // namespace postlude::pipeline
