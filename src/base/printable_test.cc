#include "base/printable.h"

#include <gtest/gtest.h>

namespace postlude {
namespace {

struct Row {
  std::string_view text;
  const char* shown;
};

TEST(Printable, EscapesWhatWouldActOnATerminal) {
  using std::string_view_literals::operator""sv;
  for (const Row& row : {
           Row{"plain, ümläut, 日本語, 🎉", "plain, ümläut, 日本語, 🎉"},
           Row{"\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"},
           Row{"\x1b]0;title\x07", "\\u001b]0;title\\u0007"}, Row{"a\tb\rc", "a\\tb\\rc"},
           Row{"nul\0!"sv, "nul\\u0000!"}, Row{"del\x7f", "del\\u007f"},
           Row{"\xc2\x9b"
               "31m",
               "\\u009b31m"},  // C1, as UTF-8
           Row{"\x9b"
               "31m",
               "\\x9b31m"},  // and as one byte
           Row{"next\xc2\x85line", "next\\u0085line"},
           Row{"\xe2\x80\xae"
               "evil",
               "\\u202eevil"},  // right to left
           Row{"\xe2\x81\xa6"
               "x\xe2\x81\xa9",
               "\\u2066x\\u2069"},
           Row{"\xd8\x9c", "\\u061c"}, Row{"\xe2\x80\xa8", "\\u2028"},
           Row{"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // a surrogate
           Row{"\xc0\x9b", "\\xc0\\x9b"},           // overlong
           Row{"cut \xe6\x97", "cut \\xe6\\x97"},
           Row{"\\u001b", "\\u001b"},  // what is an escape already stays
       }) {
    EXPECT_EQ(printable(row.text, Lines::kKept), row.shown);
    EXPECT_EQ(is_printable(row.text), row.text == row.shown) << row.shown;
    EXPECT_TRUE(is_printable(printable(row.text, Lines::kEscaped)));
  }
}

TEST(Printable, NewlinesAreKeptBlankOrEscaped) {
  EXPECT_EQ(printable("a\nb", Lines::kKept), "a\nb");
  EXPECT_EQ(printable("a\nb", Lines::kBlank), "a b");
  EXPECT_EQ(printable("a\nb", Lines::kEscaped), "a\\nb");
}

TEST(Printable, TellsACharacterThatIsNotWholeYet) {
  EXPECT_EQ(unfinished("ab"), 0U);
  EXPECT_EQ(unfinished("日"), 0U);
  EXPECT_EQ(unfinished("a\xe6"), 1U);
  EXPECT_EQ(unfinished("a\xe6\x97"), 2U);
  EXPECT_EQ(unfinished("\xf0\x9f\x8e"), 3U);
  EXPECT_EQ(unfinished("\x9b"), 0U);  // none begins so: it is shown at once
  EXPECT_EQ(unfinished(""), 0U);
}

TEST(Printable, MakesUtf8OfAnyBytes) {
  EXPECT_EQ(in_utf8("läng\n"), "läng\n");
  EXPECT_EQ(in_utf8(std::string_view("a\xff\0b\xe6\x97", 6)), "a\uFFFD\uFFFDb\uFFFD\uFFFD");
  EXPECT_EQ(in_utf8(""), "");
}

TEST(Printable, MeasuresColumnsAndCuts) {
  EXPECT_EQ(columns_of("längst"), 6U);
  EXPECT_EQ(columns_of("日本語"), 6U);
  EXPECT_EQ(columns_of("e\xcc\x81"), 1U);
  EXPECT_EQ(cut_to("längst", 6), "längst");
  EXPECT_EQ(cut_to("längst!", 6), "längs…");
  EXPECT_EQ(cut_to("日本語", 5), "日本…");
  EXPECT_EQ(cut_to("日本語", 4), "日…");
  EXPECT_EQ(cut_to("x", 1), "x");
}

}  // namespace
}  // namespace postlude
