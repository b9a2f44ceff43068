#include "connector/http_kind.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/text.h"
#include "connector/retry_after.h"

namespace postlude::connector {
namespace {

bool json_type(std::string_view type) {
  return lower(type).find("json") != std::string::npos;
}

// What we write as YAML (Kubernetes' application/apply-patch+yaml) is JSON, which is YAML.
bool json_written(std::string_view type) {
  return json_type(type) || lower(type).ends_with("yaml");
}

// -- what a system says is wrong, in the shapes that systems use
void add_text(const json::value& value, std::vector<std::string>& into) {
  if (value.is_string() && !value.get_string().empty()) {
    into.emplace_back(view(value.get_string()));
  } else if (value.is_object()) {
    const std::string_view message = find_text(value, "message");
    if (!message.empty()) into.emplace_back(message);
  }
}

std::string complaint(const json::value& body) {
  std::vector<std::string> texts;
  for (const char* name :
       {"errorMessages", "errors", "message", "error", "error_description", "detail", "title"}) {
    const json::value* value = find(body, name);
    if (value == nullptr) continue;
    if (value->is_array()) {
      for (const json::value& item : value->get_array())
        add_text(item, texts);
    } else if (value->is_object() && find(*value, "message") == nullptr) {
      for (const auto& member : value->get_object()) {
        if (!member.value().is_string()) continue;
        texts.push_back(std::string(member.key().data(), member.key().size()) + ": " +
                        std::string(view(member.value().get_string())));
      }
    } else {
      add_text(*value, texts);
    }
    if (!texts.empty() && std::string_view(name) != "errorMessages") break;
  }
  return join(texts, "; ");
}

std::string said_in(const HttpResponse& answer, const Masker& masker) {
  const std::string_view text = trim(answer.body);
  if (text.empty()) return "";
  const std::string_view type = answer.headers.get("content-type");
  if (text[0] == '{' || text[0] == '[' || json_type(type)) {
    const Result<json::value> body = parse_json(text);
    return body ? complaint(*body) : "";
  }
  if (text[0] == '<') return "";  // a proxy's page says nothing
  if (!valid_utf8(text)) return "";
  const std::string masked = masker.mask(answer.body);  // a secret may go on in the next line
  const std::string_view shown = trim(masked);
  return std::string(shown.substr(0, shown.find('\n')));
}

// By the status alone (contract 9).
RequestResult by_status(const HttpResponse& answer, Instant now) {
  const int status = answer.status;
  if (status == 429 || status == 425) return RequestResult::kRetryable;
  if (status == 503 || status == 408) {
    return asks_to_wait(answer, now) ? RequestResult::kRetryable : RequestResult::kUnclear;
  }
  if (status >= 200 && status < 300) return RequestResult::kSucceeded;
  if (status >= 300 && status < 500) return RequestResult::kRefused;
  return RequestResult::kUnclear;
}

// What expressions see of a stored row's headers.
json::object headers_of(const std::string& stored) {
  json::object headers;
  const Result<json::value> value = parse_json(stored);
  if (!value || !value->is_object()) return headers;
  for (const auto& header : value->get_object())
    headers[lower(std::string_view(header.key()))] = header.value();
  return headers;
}

const HttpRequest& http(const Ask& ask) {
  return std::get<HttpRequest>(ask);
}

const HttpResponse& http(const Reply& reply) {
  return std::get<HttpResponse>(reply);
}

class HttpKind final : public Kind {
 public:
  bool has_scheme(std::string_view url) const override {
    return url.starts_with("http://") || url.starts_with("https://");
  }

  Status read_url(std::string_view written, std::string& url) const override {
    const Result<Url> parsed = parse_url(written);
    if (!parsed) return Error(Code::kInvalid, "`url`: " + parsed.error().message);
    url = parsed->origin() + parsed->path;
    while (!url.empty() && url.back() == '/')
      url.pop_back();
    if (written.find('?') == std::string_view::npos) return ok();
    return Error(Code::kInvalid, "`url` may have no query; secrets go into `auth`, the rest into the steps");
  }

  bool has_verb(std::string_view verb) const override {
    constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                          "PATCH", "DELETE", "OPTIONS"};
    return std::find(kMethods.begin(), kMethods.end(), verb) != kMethods.end();
  }

  AskText text_of(const Ask& ask) const override {
    const HttpRequest& request = http(ask);
    AskText text;
    text.verb = request.method;
    text.place = request.path();
    if (text.place.size() < request.target.size()) text.query = request.query();
    text.headers = request.headers;
    text.body = request.body;
    text.json = json_written(request.headers.get("content-type"));
    return text;
  }

  std::string name_of(const Ask& ask) const override {
    const HttpRequest& request = http(ask);
    const Result<Url> url = parse_url(request.target);
    const std::string path = url ? (url->path.empty() ? "/" : url->path) : std::string(request.path());
    return request.method + " " + path;
  }

  json::object context_of(const Ask& ask, const json::storage_ptr& room) const override {
    return request_context(http(ask), room);
  }

  json::object context_of(const Request& stored) const override {
    json::value body;
    if (!stored.body.empty()) {
      Result<json::value> parsed = parse_json(stored.body);
      body = parsed ? *std::move(parsed) : json::value(stored.body);
    }
    return json::object{{"method", stored.method},
                        {"url", stored.url},
                        {"headers", headers_of(stored.headers)},
                        {"body", std::move(body)}};
  }

  Result<Ask> authorise(Ask ask, const Target& target, const SecretLookup& lookup) const override {
    TRY(HttpRequest request,
        connector::authorise(std::get<HttpRequest>(std::move(ask)), target, Credentials{lookup, {}, false}));
    return Ask(std::move(request));
  }

  Ask shown(Ask ask, std::string_view secret, std::string_view secret_url) const override {
    auto& request = std::get<HttpRequest>(ask);
    if (request.target.starts_with(secret_url)) request.target.replace(0, secret_url.size(), secret);
    constexpr std::string_view kBasic = "Basic ";
    for (Header& header : request.headers.list) {
      if (!header.value.starts_with(kBasic)) continue;
      const auto plain = from_base64(std::string_view(header.value).substr(kBasic.size()));
      if (plain && plain->ends_with(secret)) header.value = std::string(kBasic) + std::string(secret);
    }
    return ask;
  }

  json::object context_of(const Reply& reply, const json::storage_ptr& room) const override {
    return response_context(http(reply), room);
  }

  std::optional<Reply> reply_of(const json::value& stored) const override {
    const json::value* status = find(stored, "status");
    if (status == nullptr || !status->is_int64()) return std::nullopt;
    HttpResponse answer;
    answer.status = static_cast<int>(status->get_int64());
    if (const json::value* headers = find(stored, "headers"); headers != nullptr && headers->is_object()) {
      for (const auto& header : headers->get_object()) {
        if (header.value().is_string())
          answer.headers.add(std::string_view(header.key()), std::string(view(header.value().get_string())));
      }
    }
    const json::value* body = find(stored, "body");
    const json::value* whole = find(stored, "text");
    if (whole != nullptr && whole->is_string()) {
      answer.body = view(whole->get_string());
    } else if (body != nullptr && body->is_string()) {
      answer.body = view(body->get_string());
    } else if (body != nullptr && !body->is_null()) {
      answer.body = to_text(*body);
    }
    return Reply(std::move(answer));
  }

  Reply reply_of(ReplyText written) const override {
    HttpResponse answer;
    answer.status = written.status;
    answer.headers = std::move(written.headers);
    if (!written.body) return Reply(std::move(answer));
    const bool text = written.body->is_string();
    answer.body = text ? std::string(view(written.body->get_string())) : to_text(*written.body);
    if (answer.headers.find("content-type") == nullptr)
      answer.headers.add("Content-Type", text ? "text/plain; charset=utf-8" : "application/json");
    return Reply(std::move(answer));
  }

  json::object context_of_found(json::value found) const override {
    return json::object{
        {"status", nullptr}, {"headers", json::object()}, {"body", std::move(found)}, {"text", ""}};
  }

  std::string_view body_of(const Reply& reply) const override { return http(reply).body; }

  Reply with_body(const Reply& reply, std::string body) const override {
    HttpResponse other = http(reply);
    other.body = std::move(body);
    return Reply(std::move(other));
  }

  PlainEnd plain_end(const Reply& reply, Instant now) const override {
    const HttpResponse& answer = http(reply);
    PlainEnd end;
    end.result = by_status(answer, now);
    end.well = answer.status >= 200 && answer.status < 300;
    end.rate_limit = answer.status == 429;
    end.status = answer.status;
    end.label = std::to_string(answer.status);
    return end;
  }

  std::string malformed(const Reply& reply) const override {
    const HttpResponse& answer = http(reply);
    const bool broken = !trim(answer.body).empty() && json_type(answer.headers.get("content-type")) &&
                        !parse_json(answer.body);
    return broken ? "the answer says it is JSON but is not" : "";
  }

  std::string said(const Reply& reply, const Masker& masker) const override {
    return said_in(http(reply), masker);
  }

  std::optional<Duration> retry_after(const Reply& reply, Instant now) const override {
    return connector::retry_after(http(reply), now);
  }
};

}  // namespace

const Kind& http_kind() {
  static const HttpKind kKind;
  return kKind;
}

json::object response_context(const HttpResponse& response, const json::storage_ptr& room) {
  json::object context(room);
  context.reserve(4);
  context["status"] = response.status;
  json::object& headers = context["headers"].emplace_object();
  for (const Header& header : response.headers.list) {
    const std::string name = lower(header.name);
    if (!valid_utf8(header.value) || !valid_utf8(name)) continue;
    json::value& value = headers[name];
    value = value.is_string() ? std::string(view(value.get_string())) + ", " + header.value : header.value;
  }
  const bool text = valid_utf8(response.body);
  const std::string_view trimmed = trim(response.body);
  json::value& body = context["body"];
  if (!trimmed.empty() && text) {
    const bool looks =
        trimmed[0] == '{' || trimmed[0] == '[' || json_type(response.headers.get("content-type"));
    Result<json::value> parsed =
        looks ? parse_json(trimmed, room) : Result<json::value>(Error(Code::kInvalid, ""));
    if (parsed) {
      body = *std::move(parsed);
    } else {
      body = response.body;
    }
  }
  context["text"] = text ? std::string_view(response.body) : std::string_view();
  return context;
}

json::object request_context(const HttpRequest& request, const json::storage_ptr& room) {
  json::object context(room);
  context.reserve(4);
  context["method"] = request.method;
  context["url"] = request.target;
  json::object& headers = context["headers"].emplace_object();
  for (const Header& header : request.headers.list)
    headers[lower(header.name)] = header.value;
  json::value& body = context["body"];
  if (request.body.empty()) return context;
  Result<json::value> parsed = json_written(request.headers.get("content-type"))
                                   ? parse_json(request.body, room)
                                   : Result<json::value>(Error(Code::kInvalid, ""));
  if (parsed) {
    body = *std::move(parsed);
  } else {
    body = request.body;
  }
  return context;
}

}  // namespace postlude::connector
