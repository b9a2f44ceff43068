#include "engine/team.h"

#include <gtest/gtest.h>

namespace postlude::engine {
namespace {

Team team(std::string name, std::vector<std::string> namespaces, std::vector<std::string> clusters = {}) {
  Team made;
  made.name = std::move(name);
  made.namespaces = std::move(namespaces);
  made.clusters = std::move(clusters);
  return made;
}

TEST(Team, the_first_that_fits_owns_a_namespace) {
  const std::vector<Team> teams{team("eu", {"pay-*"}, {"eu-*"}), team("pay", {"pay-*", "ledger"}),
                                team("rest", {"*"}, {"prod"})};
  const auto name_of = [&](std::string_view cluster, std::string_view name_space) {
    const Team* found = team_of(teams, cluster, name_space);
    return found == nullptr ? std::string() : found->name;
  };
  EXPECT_EQ(name_of("eu-1", "pay-api"), "eu");
  EXPECT_EQ(name_of("", "pay-api"), "pay");
  EXPECT_EQ(name_of("prod", "ledger"), "pay");
  EXPECT_EQ(name_of("prod", "shop"), "rest");
  EXPECT_EQ(name_of("", "shop"), "");
  EXPECT_EQ(team_of({}, "", "shop"), nullptr);
}

TEST(Team, overlaps_are_seen) {
  const struct {
    std::vector<std::string> a, b;
    bool both;
  } cases[] = {
      {{"pay-*"}, {"pay-*"}, true},    {{"pay-*"}, {"shop-*"}, false},     {{"pay-*"}, {"*-api"}, true},
      {{"pay"}, {"pay"}, true},        {{"pay"}, {"pay-api"}, false},      {{"pay?"}, {"pay"}, false},
      {{"a*b"}, {"a*c"}, false},       {{"a*b*"}, {"*c"}, true},           {{"[a-c]x"}, {"[d-f]x"}, false},
      {{"[!a]x"}, {"ax"}, false},      {{"[a-d]x"}, {"[d-f]x"}, true},     {{"*"}, {"anything"}, true},
      {{"\\*"}, {"a"}, false},         {{"a", "b-*"}, {"c", "b-1"}, true}, {{"*a*a*"}, {"a"}, false},
      {{"pay-?-*"}, {"pay-1"}, false}, {{"[unclosed"}, {"x"}, false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(overlap(team("a", c.a), team("b", c.b)), c.both) << c.a[0] << " and " << c.b[0];
    EXPECT_EQ(overlap(team("b", c.b), team("a", c.a)), c.both) << c.b[0] << " and " << c.a[0];
  }
  EXPECT_FALSE(overlap(team("a", {"*"}, {"eu"}), team("b", {"*"}, {"us"})));
  EXPECT_TRUE(overlap(team("a", {"*"}, {"eu"}), team("b", {"*"})));
}

}  // namespace
}  // namespace postlude::engine
