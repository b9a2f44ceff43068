#include "intake/answer.h"

#include "base/check.h"
#include "base/json.h"
#include "base/printable.h"
#include "base/quoted.h"

namespace postlude::intake {

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Refused";
  }
}

HttpResponse problem_answer(int status, std::string_view detail, std::string_view challenge) {
  CHECK(status >= 400);  // Flagger reads less as success
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/problem+json");
  if (status == 401) {
    response.headers.add("WWW-Authenticate",
                         std::string(challenge.empty() ? "Webhook realm=\"postlude\"" : challenge));
  }
  if (status == 405) response.headers.add("Allow", "POST");
  if (status == 429) response.headers.add("Retry-After", "1");
  if (status == 503) response.headers.add("Retry-After", "2");
  response.body = R"({"type":"about:blank","title":)" + json_quoted(title_of(status)) +
                  ",\"status\":" + std::to_string(status) + ",\"detail\":" + json_quoted(in_utf8(detail)) +
                  "}";
  return response;
}

namespace {

HttpResponse without_pause(HttpResponse response) {
  if (response.status == 503) response.headers.remove("Retry-After");
  return response;
}

}  // namespace

HttpResponse problem_answer(const Refusal& refusal) {
  HttpResponse response = problem_answer(refusal.status, refusal.detail, refusal.challenge);
  return refusal.paces_itself ? without_pause(std::move(response)) : response;
}

HttpResponse problem_answer(const Route& route, int status, std::string_view detail) {
  CHECK(route.source != nullptr);
  HttpResponse response = problem_answer(status, detail);
  return flagger_type().paces_itself ? without_pause(std::move(response)) : response;
}

namespace {

HttpResponse json_answer(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

}  // namespace

HttpResponse accepted_answer(const Route& route, DeliveryId delivery, EventId event, bool duplicate) {
  CHECK(!route.gate);
  return json_answer(duplicate ? 200 : 202, R"({"delivery":")" + delivery.text() + R"(","event":")" +
                                                event.text() + R"(","duplicate":)" +
                                                (duplicate ? "true}" : "false}"));
}

HttpResponse filtered_answer(const Route& route, DeliveryId delivery) {
  CHECK(!route.gate);
  return json_answer(202, R"({"delivery":")" + delivery.text() + R"(","event":null,"filtered":true})");
}

}  // namespace postlude::intake
