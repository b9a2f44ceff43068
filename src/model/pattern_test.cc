#include "model/pattern.h"

#include <gtest/gtest.h>

namespace postlude {
namespace {

Event sample() {
  Event event;
  event.source = "flagger";
  event.hook = "post-rollout";
  event.name_space = "prod-eu";
  event.name = "podinfo";
  event.phase = "Failed";
  event.outcome = "rolledBack";
  event.metadata = R"({"environment":"production","团队":"支付"})";
  return event;
}

struct Case {
  Pattern pattern;
  std::string why;
};

TEST(Pattern, NamesAllMismatches) {
  const std::vector<Case> cases{
      {{}, ""},
      {{{{"phase", {"Failed"}}}}, ""},
      {{{{"phase", {"Succeeded"}}}}, "phase is Failed, wanted Succeeded"},
      {{{{"phase", {"Succeeded", "Fail*"}}}}, ""},
      {{{{"phase", {"Succeeded", "Progressing"}}}}, "phase is Failed, wanted Succeeded or Progressing"},
      {{{{"namespace", {"prod-*"}}, {"name", {"pod????"}}}}, ""},
      {{{{"namespace", {"prod-*"}}, {"name", {"web"}}, {"phase", {"x"}}}},
       "name is podinfo, wanted web; phase is Failed, wanted x"},
      {{{{"metadata.environment", {"prod*"}}}}, ""},
      {{{{"metadata.environment", {"staging"}}}}, "metadata.environment is production, wanted staging"},
      {{{{"metadata.owner", {"*"}}}}, "metadata.owner is missing, wanted *"},
      {{{{"metadata.团队", {"支?"}}}}, ""},
      {{{{"kind", {"first"}}}}, "kind is not known, wanted first"},
      {{{{"cluster", {"prod"}}}}, "cluster is empty, wanted prod"},
      {{{{"cluster", {"*"}}}}, ""},
      {{{{"phase", {"failed"}}}}, "phase is Failed, wanted failed"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(mismatch(c.pattern, facts_of(sample())), c.why);
}

TEST(Pattern, LooksAtTheKindOfARelease) {
  Event event = sample();
  event.release = R"({"version":{"new":"2"},"kind":"forward"})";
  EXPECT_EQ(mismatch({{{"kind", {"back", "forw*"}}}}, facts_of(event)), "");
  EXPECT_EQ(mismatch({{{"kind", {"first"}}}}, facts_of(event)), "kind is forward, wanted first");
  event.release = R"({"kind":null})";
  EXPECT_EQ(mismatch({{{"kind", {"*"}}}}, facts_of(event)), "kind is not known, wanted *");
}

TEST(Pattern, MatchesAnUnchangedReleaseOnlyByName) {
  Event event = sample();
  event.outcome = "unchanged";
  const Facts facts = facts_of(event);
  EXPECT_NE(mismatch({}, facts), "");
  EXPECT_NE(mismatch({{{"outcome", {"*"}}}}, facts), "");
  EXPECT_NE(mismatch({{{"phase", {"Failed"}}}}, facts), "");
  EXPECT_EQ(mismatch({{{"outcome", {"promoted", "unchanged"}}}}, facts), "");
}

TEST(Pattern, CutsLongValuesAtACharacter) {
  Event event = sample();
  event.name.clear();
  for (int i = 0; i < 100; ++i)
    event.name += "中";
  const std::string why = mismatch({{{"name", {"x"}}}}, facts_of(event));
  EXPECT_LT(why.size(), 150U);
  EXPECT_NE(why.find("中…, wanted x"), std::string::npos) << why;
}

}  // namespace
}  // namespace postlude
