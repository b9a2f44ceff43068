#include "engine/moved.h"

#include <gtest/gtest.h>

#include "engine/workflow.h"
#include "lang/yaml.h"

namespace postlude::engine {
namespace {

std::string pinned(const std::string& steps) {
  lang::Problems problems;
  const auto node = lang::read_yaml("on: {source: flagger}\nsteps: [" + steps + "]\n", "w.yaml", problems);
  const auto workflow = node ? Workflow::read("w", *node, problems) : nullptr;
  EXPECT_NE(workflow, nullptr) << steps;
  return workflow == nullptr ? "" : workflow->pinned;
}

const std::string kA = "{uses: slack/message, with: {text: a}}";
const std::string kB = "{uses: slack/message, with: {text: b}}";
const std::string kAEdited = "{uses: slack/message, with: {text: a2}}";
const std::string kNamedA = "{id: one, uses: slack/message, with: {text: a}}";
const std::string kNamedB = "{id: two, uses: slack/message, with: {text: b}}";
const std::string kOther = "{uses: jira/comment, with: {text: a}}";

std::string moved(const std::string& then, const std::set<std::uint32_t>& acted, const std::string& now) {
  return moved_steps(pinned(then), acted, pinned(now));
}

TEST(Moved, a_step_in_its_place_is_the_same_whatever_it_asks) {
  EXPECT_EQ(moved(kA, {0}, kA), "");
  EXPECT_EQ(moved(kA, {0}, kAEdited), "");
  EXPECT_EQ(moved(kA, {0}, kOther + ", " + kA), "");
  EXPECT_EQ(moved(kA, {0}, kA + ", " + kB), "");
  EXPECT_EQ(moved(kA + ", " + kB, {0, 1}, kA), "");
  EXPECT_EQ(moved(kA + ", " + kA, {0, 1}, kA + ", " + kA), "");
  EXPECT_EQ(moved(kNamedA + ", " + kNamedB, {0, 1}, kNamedB + ", " + kNamedA), "");
  EXPECT_EQ(moved(kA, {0}, kNamedB + ", " + kA), "");
  EXPECT_EQ(moved(kA, {0}, kNamedB + ", " + kAEdited), "");
}

TEST(Moved, a_step_under_the_key_of_another_is_named) {
  const std::string inserted = moved(kA, {0}, kB + ", " + kA);
  EXPECT_NE(inserted.find("number 1 of the steps without id that use slack/message has acted"),
            std::string::npos)
      << inserted;
  EXPECT_NE(inserted.find("is number 2"), std::string::npos) << inserted;
  EXPECT_NE(inserted.find("id"), std::string::npos) << inserted;
  EXPECT_NE(moved(kA + ", " + kB, {1}, kB), "") << "the second becomes the first";
  EXPECT_NE(moved(kA + ", " + kB, {0}, kB + ", " + kA), "");
  EXPECT_NE(moved(kA, {0}, kNamedA), "") << "an id gives it another key";
  EXPECT_NE(moved(kNamedA, {0}, kA), "");
}

TEST(Moved, steps_that_nobody_can_tell_apart_are_named) {
  EXPECT_NE(moved(kA, {0}, kB + ", " + kAEdited), "");
  EXPECT_NE(moved(kA + ", " + kB, {0}, kAEdited), "");
}

TEST(Moved, what_has_not_acted_may_move) {
  EXPECT_EQ(moved(kA, {}, kB + ", " + kA), "");
  EXPECT_EQ(moved(kA + ", " + kOther, {1}, kB + ", " + kA + ", " + kOther), "");
}

TEST(Moved, announcements_are_steps) {
  const std::string wait = "{uses: wait, with: {for: 1m}, announce: " + kA + "}";
  EXPECT_EQ(moved(wait, {1}, wait), "");
  EXPECT_NE(moved(wait, {1}, kB + ", " + wait), "") << "it stands behind the lists: b is the first now";
}

}  // namespace
}  // namespace postlude::engine
