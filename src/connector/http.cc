#include "connector/http.h"

#include <array>

#include "base/json.h"
#include "base/text.h"
#include "connector/reader.h"

namespace postlude::connector {
namespace {

std::vector<std::string> names_of_inputs() {
  std::vector<std::string> out;
  for (const WrittenInput& input : http_inputs())
    out.emplace_back(input.name);
  return out;
}

const std::vector<std::string> kKeys = names_of_inputs();
const std::vector<std::string> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
// Long enough for any back-off, short enough for what servers remember.
constexpr Duration kKeyWindow = std::chrono::hours(24);

const json::value& text_members() {
  static const json::value schema =
      json::parse(R"({"type": "object", "additionalProperties": {"type": "string"}})");
  return schema;
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

lang::Node scalar(std::string text, const lang::Place& place) {
  lang::Node node;
  node.kind = lang::Node::Kind::kScalar;
  node.scalar = std::move(text);
  node.place = place;
  return node;
}

// The step's headers and, where it is named, the one that carries the key.
lang::Node with_key_header(const lang::Node* headers, const lang::Node* key_header) {
  lang::Node result;
  result.kind = lang::Node::Kind::kMap;
  if (headers != nullptr) result = *headers;
  if (key_header != nullptr) {
    result.members.emplace_back(scalar(key_header->scalar, key_header->place),
                                scalar("${{ .key }}", key_header->place));
  }
  return result;
}

// The name of the header that carries the key: Standard Webhooks have one of their own.
std::optional<lang::Node> key_header_of(const lang::Node& with) {
  if (const lang::Node* named = with.find("idempotencyHeader")) return *named;
  const lang::Node* sign = with.find("sign");
  if (sign == nullptr || sign->scalar != "standard-webhooks") return std::nullopt;
  const lang::Node* headers = with.find("headers");
  if (headers != nullptr) {
    for (const auto& [key, value] : headers->members) {
      if (equal_ignoring_case(key.scalar, kWebhookId)) return std::nullopt;
    }
  }
  return scalar(std::string(kWebhookId), sign->place);
}

Effect default_effect(std::string_view method, bool keyed) {
  if (method == "GET" || method == "HEAD") return Effect::kRead;
  if (method == "PUT" || method == "DELETE") return Effect::kState;
  return keyed ? Effect::kKey : Effect::kNone;
}

}  // namespace

const std::vector<WrittenInput>& http_inputs() {
  static const std::vector<WrittenInput> kInputs{
      {"method", "text", "GET", "GET, HEAD, POST, PUT, PATCH or DELETE; no expression"},
      {"path", "text", "", "from the target's `url` on, such as /api/jobs; a query belongs in `query`"},
      {"url", "text", "", "in place of `path`: a whole URL, on the target's host"},
      {"query", "map", "{}", "names to text, numbers or lists; null leaves one out"},
      {"headers", "map", "{}", "names to text; null leaves one out"},
      {"body", "any", "", "sent as JSON"},
      {"form", "map", "", "sent as a form; one of body, form, text"},
      {"text", "text", "", "sent as plain text"},
      {"success", "condition", "2xx", "on `.response`: whether it worked"},
      {"retry", "condition", "425, 429; 408 and 503 with Retry-After",
       "on `.response`: it had no effect, and is sent again"},
      {"refuse", "condition", "3xx, other 4xx", "on `.response`: it had no effect, and the step fails"},
      {"effect", "read, state, upsert, key or none", "by method, see effects",
       "what may follow where nobody knows whether it arrived (docs/effects.md)"},
      {"idempotencyHeader", "text", "", "the name of a header that carries the request's idempotency key"},
      {"sign", "standard-webhooks, dingtalk, feishu, github or {hmac: {header, …}}", "",
       "how the request is signed, with the secret in the target's `auth: {sign: S}`"}};
  return kInputs;
}

std::vector<std::string> http_effects() {
  std::vector<std::string> out;
  for (const std::string& method : kMethods) {
    const std::string effect(to_text(default_effect(method, false)));
    const std::string keyed(to_text(default_effect(method, true)));
    out.push_back(method + " " + effect + (effect == keyed ? "" : " (" + keyed + " with idempotencyHeader)"));
  }
  return out;
}

std::shared_ptr<const Action> read_http_request(const lang::Node* with, const lang::Place& step,
                                                lang::Problems& problems) {
  if (with == nullptr || !with->is_map()) {
    problems.push_back({step, "http/request needs `with`: a map with `method`, and `path` or `url`", false});
    return nullptr;
  }
  return DefinitionReader(problems).http_request(*with);
}

// The method decides what may follow an unclear end, so it must be known before the run.
void DefinitionReader::read_http_method(const lang::Node& with, HttpForm& form) {
  const lang::Node* method = with.find("method");
  form.method = method == nullptr ? "GET" : upper(method->scalar);
  if (std::find(kMethods.begin(), kMethods.end(), form.method) != kMethods.end()) return;
  const std::string all = join(kMethods, ", ");
  if (method->scalar.find("${{") != std::string::npos) {
    problem(method->place,
            "`method` cannot be an expression, since it decides whether a request may be "
            "repeated; write one of " +
                all + ", or two steps, each with its `if`");
  } else if (!method->is_scalar() || method->is_null() || method->scalar.empty()) {
    problem(method->place, "`method` is " +
                               std::string(method->is_list()  ? "a list"
                                           : method->is_map() ? "a map"
                                                              : "empty") +
                               "; expected one of " + all);
  } else {
    problem(method->place, "`" + method->scalar + "` is not an HTTP method; valid: " + all);
  }
}

// Checks the literal parts of the path, with a letter in place of each expression.
void DefinitionReader::check_path(const lang::Node& path) {
  lang::Problems said;
  std::string text;
  for (const lang::Piece& piece : lang::split_pieces(path.scalar, path.place, said))
    text += piece.expression ? "x" : piece.literal;
  if (text.empty() || text[0] != '/') return;
  const std::string objection = path_objection(text);
  if (objection.empty()) return;
  const std::size_t hint = objection.find("; end its expressions");
  problem(path.place,
          objection.substr(0, hint) +
              (hint == std::string::npos ? "" : ", as a blank is %20; a query belongs in `query`"));
}

// A map of names to text, or an expression that yields one. What is written out is known to be wrong now.
void DefinitionReader::check_pairs(const lang::Node& with, std::string_view key, bool lists) {
  const lang::Node* node = with.find(key);
  if (node == nullptr) return;
  const std::string name(key);
  if (!node->is_map()) {
    if (!node->is_scalar() || node->scalar.find("${{") == std::string::npos)
      problem(node->place, "`" + name + "` is a map of names to values, say `" + name + ": {NAME: value}`");
    return;
  }
  for (const auto& [member, value] : node->members) {
    const bool several =
        lists && value.is_list() &&
        std::all_of(value.items.begin(), value.items.end(), [](const auto& one) { return one.is_scalar(); });
    const bool said = key == "headers" && !header_objection(member.scalar).empty();
    if (value.is_scalar() || value.is_null() || several || said) continue;
    problem(value.place,
            "`" + name + "." + member.scalar + "` is a " + (value.is_map() ? "map" : "list") +
                "; expected text" +
                (lang::names_environment(value) ? ": " + std::string(lang::kNoEnvironmentHere) : ""));
  }
}

void DefinitionReader::read_http_effect(const lang::Node& with, Call::Impl& call, const HttpForm& form) {
  const std::optional<lang::Node> key_header = key_header_of(with);
  const lang::Node* effect = with.find("effect");
  call.effect = default_effect(form.method, key_header.has_value());
  if (effect != nullptr) {
    const std::optional<Effect> named = effect_named(effect->scalar);
    if (!named || *named == Effect::kLookup) {
      problem(effect->place, "`effect: " + effect->scalar +
                                 "` is not valid for http/request; valid: read, state, upsert, key, none");
      return;
    }
    if (*named == Effect::kRead &&
        (form.method == "PUT" || form.method == "PATCH" || form.method == "DELETE")) {
      problem(effect->place, "`" + form.method + "` is not read; its effect is state, upsert, key or none");
    }
    if (*named != Effect::kRead && (form.method == "GET" || form.method == "HEAD")) {
      problem(effect->place, "`" + form.method + "` is read; its `effect` can only be read");
    }
    call.effect = *named;
  }
  if (call.effect == Effect::kKey) {
    call.key_window = kKeyWindow;
    if (!key_header && !mentions_key(call.before)) {
      problem(effect == nullptr ? with.place : effect->place,
              "effect key needs `idempotencyHeader`, or `.key` in the request");
    }
  }
  call.on_unclear = OnUnclear::kHold;
}

void DefinitionReader::read_http_body(const lang::Node& with, Call::Impl& call, HttpForm& form) {
  struct BodyKind {
    const char* key;
    Encoding encoding;
  };
  const std::array<BodyKind, 3> kinds = {
      {{"body", Encoding::kJson}, {"form", Encoding::kForm}, {"text", Encoding::kText}}};
  for (const BodyKind& kind : kinds) {
    const lang::Node* node = with.find(kind.key);
    if (node == nullptr) continue;
    if (form.encoding != Encoding::kNone) {
      problem(node->place, "a request has one of `body`, `form`, `text`");
      return;
    }
    if (form.method == "GET" || form.method == "HEAD")
      problem(node->place, "a request with `" + form.method + "` has no body");
    form.encoding = kind.encoding;
    if (kind.encoding == Encoding::kText) {
      form.body = take(lang::Template::read_text(*node, problems_), call.before);
    } else {
      const json::value* schema = kind.encoding == Encoding::kForm ? &text_members() : nullptr;
      form.body = take(lang::Template::read(*node, schema, problems_), call.before);
    }
  }
}

void DefinitionReader::read_http_headers(const lang::Node& with, Call::Impl& call, HttpForm& form) {
  const lang::Node* headers = with.find("headers");
  const std::optional<lang::Node> named = key_header_of(with);
  const lang::Node* key_header = named ? &*named : nullptr;
  if (headers != nullptr) {
    for (const auto& [key, value] : headers->members) {
      const std::string objection = header_objection(key.scalar);
      if (!objection.empty()) problem(key.place, objection);
    }
  }
  if (key_header != nullptr) {
    const std::string objection = header_objection(key_header->scalar);
    if (!objection.empty()) problem(key_header->place, objection);
    if (!objection.empty()) key_header = nullptr;
  }
  if (headers != nullptr && !headers->is_map() && key_header != nullptr) {
    problem(headers->place, "beside `idempotencyHeader`, `headers` must be a map");
  } else if (headers != nullptr || key_header != nullptr) {
    form.headers = take(
        lang::Template::read(with_key_header(headers, key_header), &text_members(), problems_), call.before);
  }
}

// `path` or `url`, and `query`.
void DefinitionReader::read_http_place(const lang::Node& with, Call::Impl& call, HttpForm& form) {
  const lang::Node* path = with.find("path");
  const lang::Node* url = with.find("url");
  if ((path == nullptr) == (url == nullptr)) {
    problem(with.place, "http/request needs `path` (from the target's URL on) or `url`, one of them");
  } else {
    form.whole_url = url != nullptr;
    const lang::Node& place = path != nullptr ? *path : *url;
    form.path = take(lang::Template::read_text(place, problems_), call.before);
    if (path != nullptr && !place.scalar.empty() && place.scalar[0] != '/' &&
        !place.scalar.starts_with("${{")) {
      problem(place.place, "a path begins with a slash; the host is the target's");
    } else if (path != nullptr) {
      check_path(place);
    }
  }
  if (const lang::Node* query = with.find("query")) {
    form.query = take(lang::Template::read(*query, &text_members(), problems_), call.before);
  }
}

std::shared_ptr<const Action> DefinitionReader::http_request(const lang::Node& with) {
  const std::size_t before = problems_.size();
  for (const auto& [key, value] : with.members) {
    bool known = false;
    for (const std::string& k : kKeys)
      known = known || k == key.scalar;
    if (known) continue;
    const std::string near = nearest(key.scalar, kKeys);
    problem(key.place,
            "http/request has no `" + key.scalar + "`" +
                (near.empty() ? "; it has: " + join(kKeys, ", ") : "; did you mean `" + near + "`?"));
  }
  auto call = std::make_shared<Call::Impl>();
  auto form = std::make_shared<HttpForm>();
  form->accept_json = false;
  read_http_method(with, *form);
  read_http_place(with, *call, *form);
  read_http_headers(with, *call, *form);
  check_pairs(with, "query", true);
  check_pairs(with, "headers", false);
  check_pairs(with, "form", true);
  read_http_body(with, *call, *form);
  read_http_effect(with, *call, *form);
  if (const lang::Node* sign = with.find("sign")) read_sign(*sign, *form);
  call->form = std::move(form);
  call->success = bare(with, "success", call->after);
  call->retry = bare(with, "retry", call->after);
  call->refuse = bare(with, "refuse", call->after);
  Scope scope;
  scope.before = lang::Where::kHttp;
  scope.answered = lang::Where::kHttpAnswer;
  scope.open_input = true;
  check_expressions(call->before, scope, false);
  check_expressions(call->after, scope, true);
  for (std::size_t i = before; i < problems_.size(); ++i) {
    if (!problems_[i].warning) return nullptr;
  }
  return written_action(std::move(call), "http", "request", {"status", "headers", "body"});
}

std::shared_ptr<const Action> DefinitionReader::written_action(std::shared_ptr<const Call::Impl> call,
                                                               std::string connector, std::string name,
                                                               const std::vector<std::string>& outputs) {
  auto action = std::make_shared<Action>();
  const std::string uses = connector + "/" + name;
  action->connector_ = std::move(connector);
  action->name_ = std::move(name);
  action->summary_ = "Send a request.";
  action->written_ = true;
  action->plan_.calls_.emplace_back(std::move(call));
  for (const std::string& output : outputs) {
    const std::string text = "${{ .requests.request.response." + output + " }}";
    lang::Template value = lang::Template::read(scalar(text, {uses, 1, 1}), nullptr, problems_);
    value.collect(action->plan_.result_);
    action->plan_.outputs_.emplace_back(output, std::move(value));
    action->output_names_.push_back(output);
  }
  return action;
}

}  // namespace postlude::connector
