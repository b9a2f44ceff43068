#include "intake/flagger.h"

#include <algorithm>

#include "base/quoted.h"
#include "base/text.h"

namespace postlude::intake {

namespace {

constexpr std::size_t kNameMax = 253;      // of a Kubernetes object
constexpr std::size_t kLabelMax = 63;      // of a namespace
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

BodyProblem fault(std::string text) {
  return {text, text};
}

// A member that must be text. `needed`: it must be there.
std::optional<BodyProblem> read_text(const json::value& body, std::string_view key, bool needed,
                                     std::string& into) {
  const json::value* value = find(body, key);
  if (value == nullptr || (value->is_null() && !needed)) {
    if (!needed) return std::nullopt;
    return fault(std::string(key) + " is missing");
  }
  if (!value->is_string())
    return fault(std::string(key) + " must be text and is " + std::string(kind_of(*value)));
  into = view(value->get_string());
  return std::nullopt;
}

// Small letters, digits and dashes, no dash at an end (DNS-1123).
bool is_label(std::string_view label) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !label.empty() && plain(label.front()) && plain(label.back()) &&
         std::all_of(label.begin(), label.end(), [&](char c) { return plain(c) || c == '-'; });
}

std::optional<BodyProblem> check_namespace(const std::string& name) {
  if (name.empty()) return fault("namespace is empty");
  if (name.size() <= kLabelMax && is_label(name)) return std::nullopt;
  return fault(
      "namespace is not a valid name of a Kubernetes namespace: at most 63 lower-case letters, digits and "
      "inner dashes");
}

std::optional<BodyProblem> check_name(const std::string& name) {
  if (name.empty()) return fault("name is empty");
  const auto labels = split(name, '.');
  if (name.size() <= kNameMax && std::all_of(labels.begin(), labels.end(), is_label)) return std::nullopt;
  return fault(
      "name is not a valid name of a Kubernetes object: at most 253 lower-case letters, digits, inner dashes "
      "and dots");
}

std::optional<BodyProblem> read_metadata(const json::value& body, Event& event) {
  const json::value* metadata = find(body, "metadata");
  if (metadata == nullptr || metadata->is_null()) return std::nullopt;
  if (!metadata->is_object())
    return fault("metadata must be an object and is " + std::string(kind_of(*metadata)));
  for (const auto& member : metadata->get_object()) {
    if (member.value().is_string()) continue;
    const std::string kind(kind_of(member.value()));
    return BodyProblem{"the values of metadata must be text and one is " + kind,
                       "metadata." + cut(std::string(member.key()), 100) + " must be text and is " + kind};
  }
  event.metadata = to_text(*metadata);
  return std::nullopt;
}

}  // namespace

std::optional<BodyProblem> read_flagger(std::string_view hook, const std::string& body,
                                        const json::value& parsed, Event& event) {
  if (!parsed.is_object())
    return fault("the body must be a JSON object and is " + std::string(kind_of(parsed)));
  event.hook = hook;
  event.payload = body;
  std::optional<BodyProblem> wrong = read_text(parsed, "namespace", true, event.name_space);
  if (!wrong) wrong = check_namespace(event.name_space);
  if (!wrong) wrong = read_text(parsed, "name", true, event.name);
  if (!wrong) wrong = check_name(event.name);
  if (!wrong) wrong = read_text(parsed, "phase", true, event.phase);
  if (!wrong && event.phase.empty() && hook != "event") wrong = fault("phase is empty");
  if (!wrong) wrong = read_text(parsed, "checksum", false, event.checksum);
  if (!wrong) wrong = read_metadata(parsed, event);
  if (wrong) return wrong;
  if (hook == "post-rollout" && event.phase == "Succeeded") event.outcome = "promoted";
  // Rolled back, or stuck with the traffic on the canary: only a look at the cluster could tell.
  if (hook == "post-rollout" && event.phase == "Failed") event.outcome = "failed";
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

std::string sender_id(const Headers& headers, Covers covers) {
  const auto named = [](std::string_view scheme, std::string_view id) {
    std::string key = std::string(scheme) + ":" + (id.size() > kSenderIdMax ? key_of({id}) : std::string(id));
    return valid_utf8(key) ? key : std::string(scheme) + ":" + key_of({percent_encode(id)});
  };
  const std::string_view webhook = trim(headers.get("webhook-id"));
  if (!webhook.empty()) return named("webhook-id", webhook);
  if (covers == Covers::kId) return {};  // of all of them the signature covers this one
  const std::string_view source = trim(headers.get("ce-source"));
  const std::string_view id = trim(headers.get("ce-id"));
  if (!source.empty() && !id.empty())
    return "cloudevents:" + key_of({percent_encode(source), percent_encode(id)});
  const std::string_view github = trim(headers.get("X-GitHub-Delivery"));
  if (!github.empty()) return named("github", github);
  const std::string_view key = trim(headers.get("Idempotency-Key"));
  return key.empty() ? std::string() : named("idempotency-key", key);
}

// Equal for every order of the keys.
std::string sorted_metadata(const Event& event) {
  const auto metadata = parse_json(event.metadata);
  std::map<std::string, std::string> sorted;
  if (metadata && metadata->is_object()) {
    for (const auto& member : metadata->get_object())
      sorted[member.key()] = to_text(member.value());
  }
  std::string out;
  for (const auto& [key, value] : sorted)
    out += json_quoted(key) + ":" + value + ",";
  return out;
}

std::string metadata_text(const Event& event, std::string_view key) {
  const auto metadata = parse_json(event.metadata);
  return metadata ? std::string(find_text(*metadata, key)) : std::string();
}

// Flagger tells these after the post-rollout call of the end that they belong to, in a rollback even with the
// phase from before it.
bool trails(const Event& event) {
  if (event.hook != "event") return false;
  const std::string message = metadata_text(event, "eventMessage");
  return message.starts_with("Post-rollout ") || message.starts_with("Promotion completed!");
}

void identify_by_hook(Identity& identity, const Event& event, Duration dedupe_window) {
  if (event.hook == "event") {
    const std::string timestamp = metadata_text(event, "timestamp");
    if (timestamp.empty()) return;  // nothing tells two of them apart: each is new
    identity.kind = Identity::Kind::kKey;
    identity.key = key_of(
        {event.cluster, event.name_space, event.name, timestamp, metadata_text(event, "eventMessage")});
  } else if (event.hook == "post-rollout") {
    identity.kind = Identity::Kind::kLastCall;
    identity.window = dedupe_window;
  } else if (event.hook == "pre-rollout" || event.hook == "rollout") {
    identity.kind = Identity::Kind::kUntilEnd;
    identity.key = key_of({event.checksum, sorted_metadata(event)});
  }
}

}  // namespace

bool tells_an_event(const Event& event) {
  if (event.metadata.find("\"eventMessage\"") == std::string::npos) return false;  // nearly always
  const auto metadata = parse_json(event.metadata);
  return metadata && find(*metadata, "eventMessage") != nullptr && find(*metadata, "eventType") != nullptr &&
         find(*metadata, "timestamp") != nullptr;
}

Identity identity_of(const Event& event, const Headers& headers, Covers covers, Duration dedupe_window) {
  Identity identity;
  identity.digest = to_hex(sha256(event.payload));
  identity.ends = event.hook == "post-rollout";
  identity.named = event.name_space + "/" + event.name;
  if (!trails(event)) {
    identity.canary = identity.named;
    identity.checksum = event.checksum;
  }
  std::string sender = sender_id(headers, covers);
  if (sender.empty() || covers == Covers::kBody) {
    identify_by_hook(identity, event, dedupe_window);
    if (identity.kind != Identity::Kind::kKey) identity.unproved = std::move(sender);
  } else {
    identity.kind = Identity::Kind::kSenderId;
    identity.key = std::move(sender);
  }
  return identity;
}

}  // namespace postlude::intake
