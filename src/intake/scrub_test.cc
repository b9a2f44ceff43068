#include "intake/scrub.h"

#include "base/text.h"
#include "unit/intake/fixture.h"

namespace postlude::intake {
namespace {

const std::set<std::string, std::less<>> kToken{"token"};

Mask mask_of(const std::vector<std::string>& secrets) {
  Mask mask;
  for (const std::string& secret : secrets)
    mask.add(secret);
  return mask;
}

TEST(Scrub, CutsMetadataMembersAndNothingElse) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"metadata":{"token":"x"}})", R"({"metadata":{}})"},
      {R"({"metadata":{"token":"x","a":"1"}})", R"({"metadata":{"a":"1"}})"},
      {R"({"metadata":{"a":"1","token":"x"}})", R"({"metadata":{"a":"1"}})"},
      {R"({"metadata":{"a":"1","token":"x","b":"2"}})", R"({"metadata":{"a":"1","b":"2"}})"},
      {R"({"metadata":{"token":"x","token":"y","a":"1","token":"z","token":"w"}})",
       R"({"metadata":{"a":"1"}})"},
      {R"({"metadata" : { "token" : "x" , "a" : "1" } , "n" : 1 })",
       R"({"metadata" : { "a" : "1" } , "n" : 1 })"},
      {R"({"metadata":{"tok\u0065n":"x","a":"1"}})", R"({"metadata":{"a":"1"}})"},
      {R"({"m\u0065tadata":{"token":"x"}})", R"({"m\u0065tadata":{}})"},
      {R"({"metadata":{"token":"x"},"metadata":{"b":"2","token":"y"}})",
       R"({"metadata":{},"metadata":{"b":"2"}})"},
      {R"({"metadata":{"token":{"a":["}","\"",1.5e3,null]},"b":"\\"}})", R"({"metadata":{"b":"\\"}})"},
      {R"({"a":[1,true,{"metadata":{"token":"kept"}}],"metadata":{"token":7}})",
       R"({"a":[1,true,{"metadata":{"token":"kept"}}],"metadata":{}})"},
      {R"({"token":"kept","metadata":{"Token":"kept"}})", R"({"token":"kept","metadata":{"Token":"kept"}})"},
      {R"({"metadata":"token"})", R"({"metadata":"token"})"},
      {R"({"metadata":["token"]})", R"({"metadata":["token"]})"},
      {"[]", "[]"},
      {" 12 ", " 12 "},
      {"{}", "{}"},
  };
  for (const auto& [body, wanted] : cases) {
    ASSERT_TRUE(parse_json(body)) << body;
    EXPECT_EQ(without_metadata(body, kToken), wanted) << body;
    EXPECT_TRUE(parse_json(without_metadata(body, kToken))) << body;
  }
  EXPECT_EQ(without_metadata(cases[0].first, {}), cases[0].first);
  EXPECT_EQ(without_metadata(R"({"metadata":{"a":"1","b":"2","c":"3"}})", {"a", "c"}),
            R"({"metadata":{"b":"2"}})");
}

TEST(Scrub, MasksBrokenBodies) {
  const Mask secrets = mask_of({"s3cret", "abc"});
  EXPECT_EQ(scrub_broken_body(R"({"metadata":{"token": "x\"y" ,)", kToken, secrets),
            R"({"metadata":{"token": "***" ,)");
  EXPECT_EQ(scrub_broken_body(R"({"token":"unfinished)", kToken, secrets), R"({"token":"***)");
  EXPECT_EQ(scrub_broken_body(R"({"token":"unfinished\)", kToken, secrets), R"({"token":"***)");
  EXPECT_EQ(scrub_broken_body("as3cretb token", kToken, secrets), "a***b token");
  EXPECT_EQ(scrub_broken_body(R"("token")", kToken, secrets), R"("token")");
  EXPECT_EQ(scrub_broken_body(R"("token":)", kToken, secrets), R"("token":)");
  EXPECT_EQ(scrub_broken_body("abc", kToken, secrets), "abc");  // too short to look for
}

TEST(Scrub, MasksTargets) {
  Carriers carriers;
  carriers.query.insert("k");
  const Mask secrets = mask_of({"s3c/ret"});
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/a/b", "/a/b"},
      {"/a?", "/a?"},
      {"/a?x=1&k=v&y", "/a?x=1&k=***&y"},
      {"/a?%6b=v&k", "/a?%6b=***&k"},
      {"/a?access_token=v&X-Signature=v&cookie=1&monkey=1",
       "/a?access_token=***&X-Signature=***&cookie=***&monkey=1"},
      {"/a?x=s3c/ret&y=s3c%2Fret", "/a?x=***&y=***"},
      {"/a/s3c%252fret/%733c%2fret/czNjL3JldA==", "/a/***/***/***"},
      {"/a?x=73332f726574&y=733363%32f726574", "/a?x=73332f726574&y=***"},
      {"/a/s3c/ret/b", "/a/***/b"},
      {"http://u:p@h/a@b?x=1", "http://***@h/a@b?x=1"},
      {"http://h/a@b", "http://h/a@b"},
      {"http://u@h", "http://***@h"},
      {"/a b\xc3\xa9\n", "/a%20b%C3%A9%0A"},
      {"/a?u=http://x:y@z", "/a?u=http://***@z"},
      {"/hooks/a/token/abc/pager;k=v/0123456789abcdefghijk",
       "/hooks/a/token/abc/pager;k=v/0123456789abcdefghijk"},
  };
  for (const auto& [target, wanted] : cases)
    EXPECT_EQ(scrub_target(target, carriers, secrets, PathOf::kSource), wanted);
}

// A call that went astray may have its token, right or mistyped, in the path.
TEST(Scrub, MasksWhatLooksSecretInStrayPaths) {
  Carriers carriers;
  carriers.query.insert("k");
  carriers.headers.insert("x-mine");
  const Mask secrets = mask_of({"s3c/ret"});
  const std::vector<std::pair<std::string, std::string>> cases{
      {"/hooks/flagger/post-rollouts", "/hooks/flagger/post-rollouts"},
      {"/hooks/flagger/s3c%2Fret", "/hooks/flagger/***"},
      {"/hooks/token/abc/d", "/hooks/token/***/d"},
      {"/hooks/%74oken/abc", "/hooks/%74oken/***"},
      {"/X-Mine/abc", "/X-Mine/***"},
      {"/k/abc//", "/k/***//"},
      {"/token/", "/token/"},
      {"/token//x", "/token//x"},
      {"/a;token=abc;b=c/k=v", "/a;token=***;b=c/k=***"},
      {"/hooks/flagger/ATATT3xFfGF0abcdefghij", "/hooks/flagger/***"},
      {"/hooks/flagger/xoxb-123456789012-abcdefghijklmnopqrst0", "/hooks/flagger/***"},
      {"/hooks/flagger/podinfo-canary-7d4b9c6f5d-abcde", "/hooks/flagger/podinfo-canary-7d4b9c6f5d-abcde"},
      {"/hooks/flagger/averyveryverylongwordindeed", "/hooks/flagger/averyveryverylongwordindeed"},
      {"/hooks/20261122101112000000000000", "/hooks/20261122101112000000000000"},
      {"/links/lnk_1.abc", "/links/lnk_1.***"},
      {"abc", "abc"},
      {"", ""},
      {";", ";"},
  };
  for (const auto& [target, wanted] : cases)
    EXPECT_EQ(scrub_target(target, carriers, secrets, PathOf::kNobody), wanted);
}

TEST(Scrub, MasksHeaders) {
  Carriers carriers;
  carriers.headers.insert("x-mine");
  Headers headers;
  headers.list = {{"Host", "h"},
                  {"X-Mine", "v"},
                  {"authorization", "Basic x"},
                  {"Cookie", "a=b"},
                  {"X-Hub-Signature-256", "sha256=x"},
                  {"Accept", "a"},
                  {"accept", "b \"q\""},
                  {"X-Old", "caf\xe9"},
                  {"X-Copy", "it is s3cret!"},
                  {"X-Api-Key", "k"},
                  {"Proxy-Authorization", "p"}};
  const std::string text = scrub_headers(headers, carriers, mask_of({"s3cret"}));
  EXPECT_EQ(
      text,
      R"({"Host":"h","X-Mine":"***","authorization":"***","Cookie":"***","X-Hub-Signature-256":"***",)"
      R"("Accept":"a, b \"q\"","X-Old":"café","X-Copy":"it is ***!","X-Api-Key":"***","Proxy-Authorization":"***"})");
  EXPECT_TRUE(parse_json(text));
  EXPECT_EQ(scrub_headers({}, carriers, {}), "{}");
}

}  // namespace
}  // namespace postlude::intake
