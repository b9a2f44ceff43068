#include "intake/answer.h"

#include "unit/intake/fixture.h"

namespace postlude::intake {
namespace {

struct Problem {
  int status;
  std::string title, header, value;
};

TEST(Answer, IsAProblemInOneLine) {
  const std::vector<Problem> cases{
      {400, "Bad Request", "", ""},
      {401, "Unauthorized", "WWW-Authenticate", "Basic realm=\"postlude\""},
      {403, "Forbidden", "", ""},
      {404, "Not Found", "", ""},
      {405, "Method Not Allowed", "Allow", "POST"},
      {408, "Request Timeout", "", ""},
      {413, "Content Too Large", "", ""},
      {415, "Unsupported Media Type", "", ""},
      {422, "Unprocessable Content", "", ""},
      {429, "Too Many Requests", "Retry-After", "1"},
      {431, "Request Header Fields Too Large", "", ""},
      {503, "Service Unavailable", "Retry-After", "2"},
  };
  for (const Problem& c : cases) {
    const HttpResponse response = problem_answer(c.status, "it is \"so\"", "Basic realm=\"postlude\"");
    EXPECT_EQ(response.status, c.status);
    EXPECT_EQ(response.headers.get("Content-Type"), "application/problem+json");
    EXPECT_EQ(response.headers.list.size(), c.header.empty() ? 1U : 2U) << c.status;
    if (!c.header.empty()) {
      EXPECT_EQ(response.headers.get(c.header), c.value) << c.status;
    }
    EXPECT_EQ(response.body, R"({"type":"about:blank","title":")" + c.title + R"(","status":)" +
                                 std::to_string(c.status) + R"(,"detail":"it is \"so\""})");
  }
  EXPECT_EQ(problem_answer(401, "x").headers.get("WWW-Authenticate"), "Webhook realm=\"postlude\"");
}

// Asked to wait two seconds each time, its four retries would ride over less than without.
TEST(Answer, DoesNotAskFlaggerToWait) {
  const Sources sources = fixture::sources_of("f: {type: flagger, auth: [none]}");
  const Route route = fixture::route_of(sources, "/hooks/f/post-rollout");
  EXPECT_EQ(problem_answer(route, 503, "x").headers.count("Retry-After"), 0U);
  EXPECT_EQ(problem_answer(route, 429, "x").headers.get("Retry-After"), "1");
}

TEST(Answer, NamesWhatBecameOfADelivery) {
  const Sources sources = fixture::sources_of("f: {type: flagger, auth: [none]}");
  const Route route = fixture::route_of(sources, "/hooks/f/post-rollout");
  const HttpResponse accepted = accepted_answer(route, DeliveryId{1}, EventId{2}, false);
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(accepted.body, R"({"delivery":"dlv_000000000001","event":"evt_000000000002","duplicate":false})");
  EXPECT_EQ(accepted.headers.get("Content-Type"), "application/json");
  const HttpResponse duplicate = accepted_answer(route, DeliveryId{3}, EventId{2}, true);
  EXPECT_EQ(duplicate.status, 200);
  EXPECT_EQ(duplicate.body, R"({"delivery":"dlv_000000000003","event":"evt_000000000002","duplicate":true})");
  const HttpResponse filtered = filtered_answer(route, DeliveryId{4});
  EXPECT_EQ(filtered.status, 202);
  EXPECT_EQ(filtered.body, R"({"delivery":"dlv_000000000004","event":null,"filtered":true})");
}

}  // namespace
}  // namespace postlude::intake
