#include "intake/flagger.h"

#include <algorithm>

#include "base/text.h"

namespace postlude::intake {

namespace {

constexpr Duration kUntilEndWindow = std::chrono::minutes(10);
constexpr std::size_t kNameMax = 253;      // of a Kubernetes object
constexpr std::size_t kSenderIdMax = 256;  // longer ones are kept by their digest

std::string_view kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a boolean";
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return "a number";
    case json::kind::string:
      return "text";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
  }
  return "something else";
}

Fault fault(std::string text) {
  return {text, text};
}

// A member that must be text. `needed`: it must be there.
std::optional<Fault> read_text(const json::value& body, std::string_view key, bool needed,
                               std::string& into) {
  const json::value* value = find(body, key);
  if (value == nullptr) {
    if (!needed) return std::nullopt;
    return fault(std::string(key) + " is missing");
  }
  if (!value->is_string())
    return fault(std::string(key) + " must be text and is " + std::string(kind_of(*value)));
  into = view(value->get_string());
  return std::nullopt;
}

// namespace/name is the canary's key: neither may be empty, hold a slash, or be what no Kubernetes name is.
std::optional<Fault> check_name(std::string_view key, const std::string& name) {
  if (name.empty()) return fault(std::string(key) + " is empty");
  const bool odd = std::any_of(name.begin(), name.end(),
                               [](char c) { return (c >= 0 && c < ' ') || c == '/' || c == '\x7f'; });
  if (odd || name.size() > kNameMax) return fault(std::string(key) + " is no name of a Kubernetes object");
  return std::nullopt;
}

std::optional<Fault> read_metadata(const json::value& body, Event& event) {
  const json::value* metadata = find(body, "metadata");
  if (metadata == nullptr) return std::nullopt;
  if (!metadata->is_object())
    return fault("metadata must be an object and is " + std::string(kind_of(*metadata)));
  for (const auto& member : metadata->get_object()) {
    if (member.value().is_string()) continue;
    const std::string kind(kind_of(member.value()));
    return Fault{"the values of metadata must be text and one is " + kind,
                 "metadata." + std::string(member.key()).substr(0, 100) + " must be text and is " + kind};
  }
  event.metadata = to_text(*metadata);
  return std::nullopt;
}

}  // namespace

std::optional<Fault> read_flagger(std::string_view hook, const std::string& body, const json::value& parsed,
                                  Event& event) {
  if (!parsed.is_object())
    return fault("the body must be a JSON object and is " + std::string(kind_of(parsed)));
  event.hook = hook;
  event.payload = body;
  std::optional<Fault> wrong = read_text(parsed, "namespace", true, event.name_space);
  if (!wrong) wrong = check_name("namespace", event.name_space);
  if (!wrong) wrong = read_text(parsed, "name", true, event.name);
  if (!wrong) wrong = check_name("name", event.name);
  if (!wrong) wrong = read_text(parsed, "phase", true, event.phase);
  if (!wrong && event.phase.empty() && hook != "event") wrong = fault("phase is empty");
  if (!wrong) wrong = read_text(parsed, "checksum", false, event.checksum);
  if (!wrong) wrong = read_metadata(parsed, event);
  if (wrong) return wrong;
  if (hook == "post-rollout" && event.phase == "Succeeded") event.outcome = "promoted";
  if (hook == "post-rollout" && event.phase == "Failed") event.outcome = "rolledBack";
  return std::nullopt;
}

namespace {

// Parts become one key that no other parts make.
std::string key_of(std::initializer_list<std::string_view> parts) {
  json::array list;
  for (const std::string_view part : parts)
    list.emplace_back(json::string(part));
  return to_hex(sha256(json::serialize(list)));
}

std::string sender_id(const Headers& headers) {
  const auto named = [](std::string_view scheme, std::string_view id) {
    std::string key = std::string(scheme) + ":" + (id.size() > kSenderIdMax ? key_of({id}) : std::string(id));
    return valid_utf8(key) ? key : std::string(scheme) + ":" + key_of({percent_encode(id)});
  };
  const std::string_view webhook = trim(headers.get("webhook-id"));
  if (!webhook.empty()) return named("webhook-id", webhook);
  const std::string_view source = trim(headers.get("ce-source"));
  const std::string_view id = trim(headers.get("ce-id"));
  if (!source.empty() && !id.empty())
    return "cloudevents:" + key_of({percent_encode(source), percent_encode(id)});
  const std::string_view github = trim(headers.get("X-GitHub-Delivery"));
  if (!github.empty()) return named("github", github);
  const std::string_view key = trim(headers.get("Idempotency-Key"));
  return key.empty() ? std::string() : named("idempotency-key", key);
}

// The same whatever order the keys came in.
std::string sorted_metadata(const Event& event) {
  const auto metadata = parse_json(event.metadata);
  std::map<std::string, std::string> sorted;
  if (metadata && metadata->is_object()) {
    for (const auto& member : metadata->get_object())
      sorted[member.key()] = to_text(member.value());
  }
  std::string out;
  for (const auto& [key, value] : sorted)
    out += json::serialize(json::string(key)) + ":" + value + ",";
  return out;
}

}  // namespace

Identity identity_of(const Event& event, const Headers& headers, Duration dedupe_window) {
  Identity identity;
  identity.digest = to_hex(sha256(event.payload));
  identity.canary = event.name_space + "/" + event.name;
  const std::string sender = sender_id(headers);
  if (!sender.empty()) {
    identity.kind = Identity::Kind::kSenderId;
    identity.key = sender;
  } else if (event.hook == "event") {
    const auto metadata = parse_json(event.metadata);
    const std::string_view timestamp = metadata ? find_text(*metadata, "timestamp") : std::string_view();
    if (timestamp.empty()) return identity;  // nothing tells two of them apart: each is new
    identity.kind = Identity::Kind::kKey;
    identity.key = key_of(
        {event.cluster, event.name_space, event.name, timestamp, find_text(*metadata, "eventMessage")});
  } else if (event.hook == "post-rollout") {
    identity.kind = Identity::Kind::kLastCall;
    identity.window = dedupe_window;
  } else if (event.hook == "pre-rollout" || event.hook == "rollout") {
    identity.kind = Identity::Kind::kUntilEnd;
    identity.key = key_of({event.checksum, sorted_metadata(event)});
    identity.window = kUntilEndWindow;
  }
  return identity;
}

}  // namespace postlude::intake
