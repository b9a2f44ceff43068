#pragma once
// Testing: evaluates expressions in process and carries out actions against a function, for this folder's
// tests.

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "connector/action.h"
#include "connector/http_kind.h"

namespace postlude::connector::testing {

constexpr Instant kNow = Instant(Duration(1'763'805'600'000'000));  // 2025-11-22T10:00:00Z

lang::Evaluated evaluate_one(const std::string& expression, const json::value& context);  // evaluate_test.cc

inline Values evaluate(const std::vector<lang::Expression>& expressions, const json::value& context) {
  Values values;
  for (const lang::Expression& expression : expressions)
    values.push_back(evaluate_one(expression.text, context));
  return values;
}

using FakePeer = std::function<Result<HttpResponse>(const HttpRequest& request)>;

// What an action did: its requests as `METHOD URL body`, and its outputs or the ending of the request that
// stopped it.
struct Story {
  std::vector<std::string> requests;
  std::vector<Headers> headers;
  std::string outputs;
  std::string stopped;  // "refused: why"
};

inline std::string_view word(RequestResult result) {
  return postlude::to_text(result);
}

inline void go_through(const Plan& plan, const Target& target, json::object& context, const FakePeer& peer,
                       Story& story) {
  json::object& requests = context["requests"].as_object();
  for (const Call& call : plan.calls()) {
    requests[call.id()] = nullptr;
    const Result<std::optional<Ask>> prepared = call.prepare(target, evaluate(call.before(), context));
    if (!prepared) {
      story.stopped = "cannot be built: " + prepared.error().message;
      return;
    }
    if (!*prepared) continue;
    const auto& request = std::get<HttpRequest>(**prepared);
    story.requests.push_back(request.method + " " + request.target +
                             (request.body.empty() ? "" : " " + request.body));
    story.headers.push_back(request.headers);
    const Result<HttpResponse> answer = peer(request);
    Values values;
    if (answer) {
      context["response"] = response_context(*answer);
      values = evaluate(call.after(), context);
      requests[call.id()] =
          json::object{{"request", request_context(request)}, {"response", response_context(*answer)}};
      context.erase("response");
    }
    const Ending ending = answer ? call.interpret(request, *answer, values, kNow, {})
                                 : call.interpret(request, answer.error(), {});
    if (ending.result != RequestResult::kSucceeded && ending.result != RequestResult::kExists) {
      story.stopped = std::string(word(ending.result)) + ": " + ending.why;
      return;
    }
  }
  const Result<json::value> outputs = plan.outputs(evaluate(plan.result(), context));
  story.outputs = outputs ? to_text(*outputs) : "failed: " + outputs.error().message;
}

inline json::object context_of(const Target& target, json::value with) {
  json::object context;
  context["event"] = json::parse(R"({"name": "podinfo", "namespace": "prod", "metadata": {}})");
  context["steps"] = json::object();
  context["with"] = std::move(with);
  context["target"] = target_context(target);
  context["requests"] = json::object();
  context["key"] = "k-123";
  return context;
}

inline Story carry_out(const Action& action, const Target& target, json::value with, const FakePeer& peer) {
  Story story;
  json::object context = context_of(target, std::move(with));
  go_through(action.plan(), target, context, peer, story);
  return story;
}

inline HttpResponse answer_json(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "application/json;charset=UTF-8");
  response.body = std::move(body);
  return response;
}

}  // namespace postlude::connector::testing
