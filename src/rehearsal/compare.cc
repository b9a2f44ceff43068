#include "rehearsal/compare.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "connector/kind.h"
#include "rehearsal/diff.h"
#include "rehearsal/yaml_text.h"

namespace postlude::rehearsal {

namespace {

const Header* find_header(const std::vector<Header>& headers, std::string_view name) {
  const auto at = std::find_if(headers.begin(), headers.end(),
                               [&](const Header& h) { return equal_ignoring_case(h.name, name); });
  return at == headers.end() ? nullptr : &*at;
}

bool same_call(const Message& a, const Message& b) {
  return a.target == b.target && a.method == b.method && a.path == b.path && a.statement == b.statement;
}

// For each seen request the next expected one of the same call, or nullptr: whose headers it is shown with.
std::vector<const Message*> pair_up(const std::vector<ExpectedRequest>& expected,
                                    const std::vector<Message>& seen) {
  std::vector<const Message*> pairs(seen.size(), nullptr);
  std::size_t next = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    for (std::size_t j = next; j < expected.size(); ++j) {
      if (!same_call(expected[j].message, seen[i])) continue;
      pairs[i] = &expected[j].message;
      next = j + 1;
      break;
    }
  }
  return pairs;
}

// Without the ordinary headers that nobody expects, and with names spelt as expected.
Message shaped_like(Message seen, const Message* expected) {
  std::erase_if(seen.headers, [&](const Header& h) {
    return is_ordinary(h) && (expected == nullptr || find_header(expected->headers, h.name) == nullptr);
  });
  for (Header& header : seen.headers) {
    const Header* same = expected == nullptr ? nullptr : find_header(expected->headers, header.name);
    if (same != nullptr) header.name = same->name;
  }
  return seen;
}

std::string text_of(const Message& message) {
  json::object shown = value_of(message);
  for (const char* key : {"query", "headers", "body", "params"}) {
    if (json::value* value = shown.if_contains(key)) *value = canonical(*value);
  }
  return yaml_text(json::array{std::move(shown)});
}

std::string text_of(const std::string& workflow, const std::string& state,
                    const std::vector<std::pair<std::string, std::string>>& steps) {
  json::object run{{"workflow", workflow}, {"state", state}};
  json::object states;
  for (const auto& [step, step_state] : steps)
    states[step] = step_state;
  if (!steps.empty()) run["steps"] = std::move(states);
  return yaml_text(json::array{std::move(run)});
}

}  // namespace

bool is_ordinary(const Header& header) {
  constexpr std::array<std::string_view, 8> kAlways{"user-agent",      "host",        "content-length",
                                                    "connection",      "traceparent", "tracestate",
                                                    "accept-encoding", "message-id"};
  const std::string name = lower(header.name);
  if (std::find(kAlways.begin(), kAlways.end(), name) != kAlways.end()) return true;
  return (name == "accept" || name == "content-type") && header.value == "application/json";
}

Message message_of(const std::string& target, std::string_view target_url, const Ask& shown) {
  const connector::AskText text = connector::kind_of(shown).text_of(shown);
  Message out;
  out.target = target;
  out.method = text.verb;
  if (!text.statement.empty()) {
    out.statement = text.statement;
    out.body = json::object{{"statement", text.statement}, {"params", json::array()}};
    const Result<json::value> body = parse_json(text.body);
    const json::value* params = body ? find(*body, "params") : nullptr;
    if (params != nullptr) out.body->as_object()["params"] = *params;
    return out;
  }
  out.path = text.place;
  if (text.query) out.query = read_query(*text.query);
  const std::string_view base = target_url.empty() ? connector::kSecretUrl : target_url;
  if (out.path.starts_with(base) && (out.path.size() == base.size() || out.path[base.size()] == '/'))
    out.path.erase(0, base.size());
  if (out.path.empty()) out.path = "/";
  out.headers = text.headers.list;
  if (text.body.empty()) return out;
  auto parsed = text.json ? parse_json(text.body) : Result<json::value>(Error(Code::kInvalid, ""));
  if (parsed) {
    out.body = std::move(*parsed);
  } else if (valid_utf8(text.body)) {
    out.body = json::value(text.body);
  } else {
    out.body = json::value("(" + std::to_string(text.body.size()) + " bytes that are no text)");
  }
  return out;
}

json::object value_of(const Message& message) {
  if (!message.statement.empty()) {
    json::object asked{{"target", message.target}, {"method", message.method}};
    for (const auto& member : message.body->get_object()) {
      const bool none = member.value().is_array() && member.value().get_array().empty();
      if (!none) asked[member.key()] = member.value();
    }
    return asked;
  }
  json::object out{{"target", message.target}, {"method", message.method}, {"path", message.path}};
  if (!message.query.empty()) out["query"] = message.query;
  if (!message.headers.empty()) {
    json::object headers;
    for (const Header& header : message.headers) {
      json::value& value = headers[header.name];
      value = value.is_string() ? std::string(view(value.get_string())) + ", " + header.value : header.value;
    }
    out["headers"] = std::move(headers);
  }
  if (message.body) out["body"] = *message.body;
  return out;
}

std::string diff_of_runs(const std::vector<ExpectedRun>& expected, const std::vector<SeenRun>& seen) {
  std::string first;
  for (const ExpectedRun& run : expected)
    first += text_of(run.workflow, run.state, run.steps);
  std::string second;
  std::vector<bool> used(expected.size(), false);
  for (const SeenRun& run : seen) {
    std::vector<std::pair<std::string, std::string>> steps;  // those that are asked for
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (used[i] || expected[i].workflow != run.workflow) continue;
      used[i] = true;
      for (const auto& [label, state] : expected[i].steps) {
        const auto step = std::find_if(run.steps.begin(), run.steps.end(),
                                       [&l = label](const SeenStep& s) { return s.label == l; });
        steps.emplace_back(label, step == run.steps.end() ? "(is not there)" : step->state);
      }
      break;
    }
    second += text_of(run.workflow, run.state, steps);
  }
  return unified_diff(first, second);
}

std::string diff_of_requests(const std::vector<ExpectedRequest>& expected, const std::vector<Message>& seen) {
  std::string first;
  for (const ExpectedRequest& request : expected)
    first += text_of(request.message);
  std::string second;
  const std::vector<const Message*> pairs = pair_up(expected, seen);
  for (std::size_t i = 0; i < seen.size(); ++i)
    second += text_of(shaped_like(seen[i], pairs[i]));
  return unified_diff(first, second);
}

json::value expectation(const std::vector<SeenRun>& runs, const std::vector<Message>& requests) {
  json::array run_values;
  for (const SeenRun& run : runs) {
    json::object steps;
    for (const SeenStep& step : run.steps)
      steps[step.label] = step.state;
    json::object value{{"workflow", run.workflow}, {"state", run.state}};
    if (!steps.empty()) value["steps"] = std::move(steps);
    run_values.push_back(std::move(value));
  }
  json::array request_values;
  for (const Message& request : requests)
    request_values.push_back(value_of(shaped_like(request, nullptr)));
  return json::object{{"runs", std::move(run_values)}, {"requests", std::move(request_values)}};
}

}  // namespace postlude::rehearsal
