#include "pipeline/rate.h"

#include <gtest/gtest.h>

namespace postlude::pipeline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Rates, TheBurstIsOnePeriod) {
  Rates rates;
  const Rate rate{10, seconds(1)};
  EXPECT_EQ(rates.take("jira", rate, 100, seconds(5)), 10U);
  EXPECT_EQ(rates.take("jira", rate, 1, seconds(5)), 0U);
  EXPECT_EQ(rates.until_next("jira", rate, seconds(5)), milliseconds(100));
  EXPECT_EQ(rates.take("jira", rate, 100, seconds(5) + milliseconds(350)), 3U);
  EXPECT_EQ(rates.take("jira", rate, 100, seconds(50)), 10U);
}

TEST(Rates, WhatWasNotUsedComesBack) {
  Rates rates;
  const Rate rate{4, seconds(1)};
  EXPECT_EQ(rates.take("jira", rate, 3, seconds(1)), 3U);
  rates.give_back("jira", 2);
  EXPECT_EQ(rates.take("jira", rate, 9, seconds(1)), 3U);
  rates.give_back("jira", 100);
  EXPECT_EQ(rates.take("jira", rate, 9, seconds(1)), 4U);
  rates.give_back("nobody", 1);
}

TEST(Rates, WhoReservesWaitsInTurn) {
  Rates rates;
  const Rate rate{5, seconds(1)};
  EXPECT_EQ(rates.take("jira", rate, 4, seconds(1)), 4U);
  EXPECT_EQ(rates.reserve("jira", rate, seconds(1)), seconds(0));
  EXPECT_EQ(rates.reserve("jira", rate, seconds(1)), milliseconds(200));
  EXPECT_EQ(rates.reserve("jira", rate, seconds(1)), milliseconds(400));
  EXPECT_EQ(rates.take("jira", rate, 9, seconds(1)), 0U);  // not before those who wait
  EXPECT_EQ(rates.take("jira", rate, 9, seconds(1) + milliseconds(400)), 0U);
  EXPECT_EQ(rates.until_next("jira", rate, seconds(1) + milliseconds(400)), milliseconds(200));
  rates.give_back("jira", 1);
  EXPECT_EQ(rates.take("jira", rate, 9, seconds(1) + milliseconds(400)), 1U);
}

TEST(Rates, NamesDoNotShare) {
  Rates rates;
  const Rate rate{1, seconds(3600)};
  EXPECT_EQ(rates.take("a", rate, 1, seconds(1)), 1U);
  EXPECT_EQ(rates.take("b", rate, 1, seconds(1)), 1U);
  EXPECT_EQ(rates.take("a", rate, 1, seconds(2)), 0U);
}

}  // namespace
}  // namespace postlude::pipeline
