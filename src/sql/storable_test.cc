#include "sql/storable.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "sql/sql.h"

namespace postlude::sql {

namespace {

using std::string_view_literals::operator""sv;

std::string stored(std::string_view text) {
  std::string room;
  return std::string(storable(text, room));
}

TEST(Storable, LeavesValidTextAlone) {
  for (const std::string_view text :
       {""sv, "plain"sv, "just 8 by"sv, "Grüße, 你好, \xF0\x9F\x98\x80"sv, "a\x7F\x01\n"sv}) {
    std::string room;
    EXPECT_TRUE(is_storable(text));
    EXPECT_EQ(storable(text, room).data(), text.data());
  }
}

TEST(Storable, PutsAMarkForWhatNoTextColumnTakes) {
  EXPECT_EQ(stored("a\0b"sv),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(stored("\xFF"sv), "\xEF\xBF\xBD");
  EXPECT_EQ(stored("caf\xE9!"sv), "caf\xEF\xBF\xBD!");
  EXPECT_EQ(stored("\xC0\xAF"sv), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
  EXPECT_EQ(stored("\xE4\xB8"sv), "\xEF\xBF\xBD\xEF\xBF\xBD") << "cut off";
}

// Wherever in the word of eight bytes it stands.
TEST(Storable, FindsEachByteEverywhere) {
  for (std::size_t length = 1; length < 30; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char bad : {'\0', '\x80', '\xFF'}) {
        std::string text(length, 'x');
        text[at] = bad;
        EXPECT_FALSE(is_storable(text)) << length << " " << at;
        EXPECT_TRUE(valid_utf8(stored(text)));
        EXPECT_EQ(stored(text).find('\0'), std::string::npos);
      }
    }
  }
}

TEST(Storable, EveryTextParameterPassesIt) {
  auto db = open_in_memory("");
  ASSERT_TRUE(db);
  ASSERT_TRUE((*db)->run("CREATE TABLE a (text TEXT, bytes BLOB)"));
  const std::string_view bad = "a\0\xFF"sv;
  ASSERT_TRUE((*db)->run("INSERT INTO a (text, bytes) VALUES ($1, $2)", {bad, Blob{bad}}));
  std::string text, bytes;
  ASSERT_TRUE((*db)->each("SELECT text, bytes FROM a WHERE text = $1", {bad}, [&](const Row& row) {
    text = row.text(0);
    bytes = row.text(1);
  }));
  EXPECT_EQ(text, "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(bytes, bad);
}

}  // namespace

}  // namespace postlude::sql
