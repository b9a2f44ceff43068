#include "api/access.h"

#include <gtest/gtest.h>

namespace postlude::api {
namespace {

HttpRequest request(const std::vector<std::string>& hosts, const std::vector<std::string>& origins = {}) {
  HttpRequest out;
  for (const std::string& host : hosts)
    out.headers.add("Host", host);
  for (const std::string& origin : origins)
    out.headers.add("Origin", origin);
  return out;
}

Access without_tokens(std::string_view admin_url = "") {
  Access access;
  access.use({}, nullptr, admin_url);
  return access;
}

TEST(Access, without_tokens_a_call_names_this_machine) {
  const Access access = without_tokens();
  for (const char* host :
       {"127.0.0.1:8081", "127.0.0.1", "127.1.2.3:1", "localhost", "LOCALHOST:8081", "[::1]", "[::1]:8081"}) {
    const auto caller = access.caller(request({host}));
    ASSERT_TRUE(caller) << host;
    EXPECT_EQ(caller->role, Role::kAdmin);
  }
  for (const char* host : {"", "127.evil.example", "127.evil.example:8081", "127.0.0.1.evil.com:8081",
                           "localhost.evil", "evil.localhost", "evil.example", "127.0.0.1@evil.com",
                           "localhost:80:evil", "0.0.0.0:8081", "127.1", "[::ffff:7f00:1]", "[::2]", "::1",
                           "[::1", "127.0.0.1:", "127.0.0.1:x", "2130706433", "postlude.example.com"}) {
    const auto caller = access.caller(request({host}));
    ASSERT_FALSE(caller) << host;
    EXPECT_EQ(caller.error().code, Code::kDenied) << host;
    EXPECT_NE(caller.error().message.find("Host"), std::string::npos);
  }
  EXPECT_FALSE(access.caller(request({}))) << "HTTP/1.0 may leave it out";
  EXPECT_FALSE(access.caller(request({"127.0.0.1", "evil.example"})));
}

TEST(Access, without_tokens_calls_of_other_pages_are_refused) {
  const Access access = without_tokens();
  EXPECT_TRUE(access.caller(request({"127.0.0.1:8081"}, {"http://127.0.0.1:8081"})));
  EXPECT_TRUE(access.caller(request({"LocalHost:8081"}, {"http://localhost:8081"})));
  for (const char* origin :
       {"http://evil.example", "null", "", "https://127.0.0.1:8081", "http://127.0.0.1:9000",
        "http://127.0.0.1", "http://127.0.0.1:8081.evil.example"})
    EXPECT_FALSE(access.caller(request({"127.0.0.1:8081"}, {origin}))) << origin;
  EXPECT_FALSE(access.caller(request({"127.0.0.1:8081"}, {"http://127.0.0.1:8081", "http://evil.example"})));
}

TEST(Access, the_host_of_the_admin_url_is_known_too) {
  const Access access = without_tokens("https://Postlude.example.com:8443/ui");
  EXPECT_TRUE(access.caller(request({"postlude.example.com"}, {"https://postlude.example.com:8443"})));
  EXPECT_TRUE(access.caller(request({"postlude.example.com:8443"})));
  EXPECT_TRUE(access.caller(request({"127.0.0.1:8081"}, {"http://127.0.0.1:8081"})));
  EXPECT_FALSE(access.caller(request({"postlude.example.com"}, {"https://evil.example"})));
  EXPECT_FALSE(access.caller(request({"127.0.0.1:8081"}, {"https://postlude.example.com:8443"})));
  EXPECT_FALSE(access.caller(request({"postlude.example.com.evil.com"})));
  EXPECT_FALSE(access.caller(request({"example.com"})));
}

TEST(Access, a_token_whose_secret_cannot_be_read_is_told) {
  Access access;
  access.use(
      {{"ops", Role::kOperator, {SecretRef{}}, ""}, {"ci", Role::kViewer, {SecretRef{}, SecretRef{}}, ""}},
      [](const SecretRef&) -> Result<std::string> { return Error(Code::kNotFound, "it is not set"); }, "");
  HttpRequest call = request({"postlude.internal"});
  call.headers.add("Authorization", "Bearer s3cret");
  ASSERT_FALSE(access.caller(call));
  EXPECT_EQ(access.caller(call).error().code, Code::kUnavailable) << "503: the caller is not to blame";
  EXPECT_EQ(access.caller(request({"postlude.internal"})).error().code, Code::kNotFound) << "without any";
  EXPECT_EQ(
      access.caller(call).error().message,
      "the token is unknown: use one of access.tokens (the secrets of 2 of these 2 cannot be read on the "
      "server; its log names them)");
}

TEST(Access, where_there_are_tokens_any_name_will_do) {
  Access access;
  access.use(
      {{"ops", Role::kOperator, {SecretRef{}}, ""}},
      [](const SecretRef&) -> Result<std::string> { return std::string("s3cret"); }, "");
  HttpRequest call = request({"postlude.internal"}, {"https://elsewhere.example"});
  EXPECT_TRUE(access.local(call));
  ASSERT_FALSE(access.caller(call));
  EXPECT_EQ(access.caller(call).error().code, Code::kNotFound);
  call.headers.add("Authorization", "Bearer s3cret");
  ASSERT_TRUE(access.caller(call));
  EXPECT_EQ(access.caller(call)->name, "ops");
}

}  // namespace
}  // namespace postlude::api
