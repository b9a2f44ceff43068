#include "base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace postlude {
namespace {

struct Glob {
  std::string_view pattern, text;
  bool matches;
};

TEST(Text, MatchesGlobs) {
  const std::vector<Glob> cases{
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "anything", true},
      {"prod-*", "prod-", true},
      {"prod-*", "prod", false},
      {"*-eu", "prod-eu", true},
      {"*-eu", "prod-us", false},
      {"a*b*c", "aXbYc", true},
      {"a*b*c", "abcabc", true},
      {"a*b*c", "acb", false},
      {"?", "", false},
      {"?", "a", true},
      {"?", "中", true},
      {"??", "中", false},
      {"*??", "中", false},
      {"*?", "中", true},
      {"中*", "中文", true},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-c]x", "dx", true},
      {"[!a-c]x", "ax", false},
      {"[^a]", "b", true},
      {"[]]", "]", true},
      {"[a-]", "-", true},
      {"[a-]", "b", false},
      {"[中文]", "文", true},
      {"[!中]", "文", true},
      {"[!中]", "中", false},
      {"[abc", "[abc", true},
      {"[abc", "a", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\中", "中", true},
      {"a\\", "a\\", true},
      {"[\\]]", "]", true},
      {"A", "a", false},
      {"*.*.*", "a.b", false},
      {"**", "", true},
      {"a/*/b", "a/x/y/b", true},
      {"\xff?", "\xff\xfe", true},
  };
  for (const Glob& c : cases)
    EXPECT_EQ(glob_match(c.pattern, c.text), c.matches) << c.pattern << " on " << c.text;
}

TEST(Text, MatchesAWorstCaseGlobInTime) {
  const std::string text(20'000, 'a');
  EXPECT_FALSE(glob_match("*a*a*a*a*a*a*a*ab", text));
}

TEST(Text, TellsUtf8) {
  const std::vector<std::pair<std::string, bool>> cases{
      {"", true},
      {"plain", true},
      {"Euro € 😀", true},
      {std::string("\0", 1), true},
      {"\xc3", false},  // cut short
      {"\xe2\x82", false},
      {"\xf0\x9f\x98", false},
      {"\x80", false},      // continuation alone
      {"\xc0\xaf", false},  // overlong
      {"\xe0\x80\xaf", false},
      {"\xf0\x80\x80\xaf", false},
      {"\xed\xa0\x80", false},      // surrogate
      {"\xf4\x90\x80\x80", false},  // past U+10FFFF
      {"\xf4\x8f\xbf\xbf", true},
      {"\xff", false},
      {"a\xe9z", false},  // Latin-1
  };
  for (const auto& [bytes, valid] : cases)
    EXPECT_EQ(valid_utf8(bytes), valid) << testing::PrintToString(bytes);
}

TEST(Text, CutsBetweenCharacters) {
  const std::string text = "a€😀";  // of 1, 3 and 4 bytes
  const std::vector<std::pair<std::size_t, std::string>> cases{
      {0, ""}, {1, "a"}, {2, "a"}, {3, "a"}, {4, "a€"}, {5, "a€"}, {7, "a€"}, {8, text}, {9, text}};
  for (const auto& [bytes, whole] : cases) {
    EXPECT_EQ(whole_characters(text, bytes), whole) << bytes;
    EXPECT_EQ(shortened(text, bytes), whole + (bytes < 8 ? "…" : "")) << bytes;
    EXPECT_EQ(shortened(text, bytes, " (cut)"), whole + (bytes < 8 ? " (cut)" : "")) << bytes;
    EXPECT_LE(cut(text, bytes).size(), bytes);
    EXPECT_TRUE(valid_utf8(cut(text, bytes))) << bytes;
  }
  EXPECT_EQ(cut(text, 7), "a€…");
  EXPECT_EQ(cut(text, 8), text);
  EXPECT_EQ(whole_characters(std::string(9, '\x80'), 6), std::string(6, '\x80'));  // not UTF-8
  EXPECT_EQ(whole_characters("", 4), "");
}

TEST(Text, HandlesAsciiCaseAndBlanks) {
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("\xc4", "\xe4"));
  EXPECT_EQ(lower("ÄBC-x"), "Äbc-x");
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \t"), "");
}

TEST(Text, SplitsAndJoins) {
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
  EXPECT_EQ(split(",a,,b,", ','), (std::vector<std::string_view>{"", "a", "", "b", ""}));
  EXPECT_EQ(join(std::array<std::string, 3>{"a", "", "a"}, ", "), "a, , a");
  EXPECT_EQ(join(std::vector<std::string>{}, ", "), "");
}

TEST(Text, DecodesAndEncodesPercent) {
  EXPECT_EQ(percent_decode("Euro%20%E2%82%AC%20%F0%9F%98%80"), "Euro € 😀");
  EXPECT_EQ(percent_decode("a+b%2b"), "a+b+");
  for (const std::string_view broken : {"%", "%2", "%zz", "a%2", "%%41", "%-1"}) {
    EXPECT_EQ(percent_decode(broken), std::nullopt) << broken;
  }
  EXPECT_EQ(percent_encode("a/b €~"), "a%2Fb%20%E2%82%AC~");
  std::string all;
  for (int i = 0; i < 256; ++i)
    all.push_back(static_cast<char>(i));
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
}

TEST(Text, FindsTheNearestWord) {
  const std::vector<std::string> words{"post-rollout", "pre-rollout", "rollout", "rollback", "event"};
  EXPECT_EQ(nearest("post-rolout", words), "post-rollout");
  EXPECT_EQ(nearest("Rollback", words), "rollback");
  EXPECT_EQ(nearest("evnet", words), "event");
  EXPECT_EQ(nearest("something else", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(1000, 'x'), words), "");
}

TEST(Text, shows_urls_without_what_may_be_secret) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"https://host/path", "https://host/path"},
      {"http://127.0.0.1:8081", "http://127.0.0.1:8081"},
      {"http://[::1]:8081/x", "http://[::1]:8081/x"},
      {"http://[::1]/x@y", "http://[::1]/x@y"},
      {"127.0.0.1:8081", "127.0.0.1:8081"},
      {":8081", ":8081"},
      {"https://host/a@b", "https://host/a@b"},
      {"https://u:pw@host/path?token=x", "https://***@host/path?***"},
      {"https://host/?mail=a@b", "https://host/?***"},
      {"https://host/#frag", "https://host/#***"},
      {"https://u:p@w@host/", "https://***@host/"},
      {"https://u:p/w@host/x", "https://***@host/x"},
      {"https://u:p?w@host/x", "https://***@host/x"},
      {"https://u:p w@host/x", "https://***@host/x"},
      {"u:pw@host", "***@host"},
      {"//u:pw@host", "//***@host"},
      {"http://u:pw@[::1/", "http://***@[::1/"},
      {"", ""},
  };
  for (const auto& [url, shown] : cases)
    EXPECT_EQ(shown_url(url), shown) << url;
}

}  // namespace
}  // namespace postlude
