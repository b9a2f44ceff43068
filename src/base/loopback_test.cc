#include "base/loopback.h"

#include <gtest/gtest.h>

namespace postlude {

TEST(Loopback, only_addresses_and_one_name_are_this_machine) {
  for (const char* host :
       {"localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "127.255.255.255", "::1", "0:0:0:0:0:0:0:1"})
    EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"",
                           "127.",
                           "127.1",
                           "127.evil.example",
                           "127.0.0.1.evil.com",
                           "127.0.0.1.",
                           "localhost.evil",
                           "localhost.",
                           "xlocalhost",
                           "0.0.0.0",
                           "128.0.0.1",
                           "::",
                           "::2",
                           "1::1",
                           "[::1]",
                           "::ffff:127.0.0.1",
                           "0x7f.0.0.1",
                           "2130706433",
                           "127.0.0.256",
                           "127.0.0.01",
                           " 127.0.0.1"})
    EXPECT_FALSE(is_loopback(host)) << host;
  EXPECT_FALSE(is_loopback(std::string_view("127.0.0.1\0.evil", 15)));
}

TEST(Loopback, a_host_is_read_out_of_a_host_header) {
  const std::pair<const char*, const char*> kGood[] = {
      {"a", "a"},       {"A.b-c_d:80", "a.b-c_d"}, {"127.0.0.1:65535", "127.0.0.1"},
      {"[::1]", "::1"}, {"[::1]:8081", "::1"},     {"[FE80::1]:1", "fe80::1"}};
  for (const auto& [text, host] : kGood)
    EXPECT_EQ(host_of(text), host) << text;
  for (const char* text :
       {"",     ":80",  "a:",   "a:b", "a:80:evil", "a:123456", "a@b",    "127.0.0.1@evil.com", "a/b",
        "a b",  "a,b",  "[::1", "::1", "[::1]x",    "[::1]:",   "[evil]", "[127.0.0.1]",        "[::1%lo]",
        "a\tb", "a\\b", "*"})
    EXPECT_EQ(host_of(text), std::nullopt) << text;
}

}  // namespace postlude
