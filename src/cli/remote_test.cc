#include "cli/remote.h"

#include <gtest/gtest.h>

namespace postlude::cli {
namespace {

TEST(UrlOf, TakesWhatPeopleWrite) {
  struct Row {
    const char* written;
    const char* url;
  };
  for (const Row& row :
       {Row{":8080", "http://127.0.0.1:8080/hooks/f"}, Row{"127.0.0.1:1", "http://127.0.0.1:1/hooks/f"},
        Row{"localhost:8081", "http://localhost:8081/hooks/f"},
        Row{"[::1]:8081", "http://[::1]:8081/hooks/f"}, Row{"hooks.example:1/x", "http://hooks.example:1/x"},
        Row{"u:p@host:1", "http://u:p@host:1/hooks/f"}, Row{"https://h", "https://h"},
        Row{"http://h/p?q", "http://h/p?q"}}) {
    const auto url = url_of(row.written, "--url", "/hooks/f");
    ASSERT_TRUE(url) << row.written << ": " << url.error().message;
    EXPECT_EQ(*url, row.url);
  }
}

TEST(UrlOf, NamesTheValueAndWhereItWasGiven) {
  for (const char* written : {"", "ftp://h", "http://", "h:port", ":99999", "h h:1", "://x", "http:// h"}) {
    const auto url = url_of(written, "POSTLUDE_SERVER", "");
    ASSERT_FALSE(url) << written;
    EXPECT_EQ(url.error().code, Code::kInvalid);
    EXPECT_EQ(url.error().message.find(std::string("POSTLUDE_SERVER is '") + written + "'"), 0U)
        << url.error().message;
  }
}

TEST(SentInTheClear, OnlyWhatLeavesThisMachine) {
  for (const char* url :
       {"http://10.0.0.1:8081", "http://example.com", "http://127.0.0.1.evil.example", "http://[fd00::1]"})
    EXPECT_TRUE(sent_in_the_clear(url)) << url;
  for (const char* url : {"https://example.com", "http://127.0.0.1:8081", "http://127.8.9.1",
                          "http://localhost:1", "http://LOCALHOST:1", "http://[::1]:8081"})
    EXPECT_FALSE(sent_in_the_clear(url)) << url;
}

}  // namespace
}  // namespace postlude::cli
