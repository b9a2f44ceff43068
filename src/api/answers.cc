#include "api/answers.h"

#include "base/printable.h"

namespace postlude::api {

HttpResponse answer(int status, std::string type, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", std::move(type));
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  return response;
}

HttpResponse json_answer(const json::value& value, int status) {
  return answer(status, "application/json", to_text(value) + "\n");
}

HttpResponse problem(int status, std::string_view title, std::string_view detail) {
  const json::object body{
      {"type", "about:blank"}, {"status", status}, {"title", title}, {"detail", in_utf8(detail)}};
  HttpResponse response = answer(status, "application/problem+json", json::serialize(body) + "\n");
  if (status == 503) response.headers.add("Retry-After", "2");
  return response;
}

HttpResponse problem_of(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
      return problem(400, "invalid", error.message);
    case Code::kDenied:
      return problem(403, "not allowed", error.message);
    case Code::kNotFound:
      return problem(404, "not found", error.message);
    case Code::kConflict:
      return problem(409, "not possible now", error.message);
    case Code::kOverloaded:
    case Code::kUnavailable:
    case Code::kUnknown:
    case Code::kCorrupt:
    case Code::kCancelled:
      break;
  }
  return problem(503, "not available", error.message);
}

}  // namespace postlude::api
