#include "api/repeats.h"

#include <gtest/gtest.h>

namespace postlude::api {
namespace {

const Instant kNow = instant(1'700'000'000'000'000);

HttpResponse said(std::string body) {
  HttpResponse response;
  response.status = 200;
  response.body = std::move(body);
  return response;
}

bool fresh(Repeats& repeats, const std::string& key, Instant now = kNow, const std::string& digest = "d") {
  return std::holds_alternative<Repeats::Fresh>(repeats.begin("ada", key, digest, now));
}

TEST(Repeats, TheSameRequestIsAnsweredTheSame) {
  Repeats repeats;
  ASSERT_TRUE(fresh(repeats, "k"));
  EXPECT_TRUE(std::holds_alternative<Repeats::UnderWay>(repeats.begin("ada", "k", "d", kNow)));
  repeats.keep("ada", "k", said("one"));
  const auto again = repeats.begin("ada", "k", "d", kNow);
  ASSERT_TRUE(std::holds_alternative<HttpResponse>(again));
  EXPECT_EQ(std::get<HttpResponse>(again).body, "one");
  EXPECT_TRUE(std::holds_alternative<Repeats::Other>(repeats.begin("ada", "k", "other", kNow)));
  EXPECT_TRUE(std::holds_alternative<Repeats::Fresh>(repeats.begin("bob", "k", "d", kNow)));
  EXPECT_TRUE(std::holds_alternative<Repeats::Fresh>(repeats.begin("adak", "", "d", kNow)));
}

TEST(Repeats, WhatFailedMayBeTriedAgain) {
  Repeats repeats;
  ASSERT_TRUE(fresh(repeats, "k"));
  repeats.drop("ada", "k");
  EXPECT_TRUE(fresh(repeats, "k"));
}

TEST(Repeats, ADayLaterItIsForgotten) {
  Repeats repeats;
  ASSERT_TRUE(fresh(repeats, "k"));
  repeats.keep("ada", "k", said("one"));
  EXPECT_FALSE(fresh(repeats, "k", kNow + std::chrono::hours(24)));
  EXPECT_TRUE(fresh(repeats, "k", kNow + std::chrono::hours(24) + std::chrono::seconds(1)));
}

TEST(Repeats, ItIsBoundedInNumberAndBytes) {
  Repeats repeats;
  for (int i = 0; i < 1'001; ++i) {
    ASSERT_TRUE(fresh(repeats, std::to_string(i)));
    repeats.keep("ada", std::to_string(i), said("x"));
  }
  EXPECT_FALSE(fresh(repeats, "1"));
  EXPECT_FALSE(fresh(repeats, "1000"));
  EXPECT_TRUE(fresh(repeats, "0"));  // crowded out; and now "1" is, too
  EXPECT_TRUE(fresh(repeats, "1"));

  Repeats large;
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(fresh(large, std::to_string(i)));
    large.keep("ada", std::to_string(i), said(std::string(1U << 20U, 'x')));
  }
  EXPECT_TRUE(fresh(large, "0"));
  EXPECT_FALSE(fresh(large, "5"));
}

}  // namespace
}  // namespace postlude::api
