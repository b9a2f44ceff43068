#include "connector/http_form.h"

#include <algorithm>

#include "base/text.h"
#include "connector/http_kind.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kBodyBytesMax = 4U << 20U;
constexpr std::size_t kUrlBytesMax = 16U << 10U;

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// A scalar as it stands in a query, a form or a header.
Result<std::string> scalar_text(const json::value& value, std::string_view where) {
  if (value.is_string()) return std::string(view(value.get_string()));
  if (value.is_bool() || value.is_number()) return to_text(value);
  return Error(Code::kInvalid,
               std::string(where) + ": expected text, not " + (value.is_null() ? "null" : to_text(value)));
}

// name=value&…: null leaves a member out, a list repeats it.
Result<std::string> encode_pairs(const json::value& value, std::string_view what) {
  if (!value.is_object()) return Error(Code::kInvalid, "`" + std::string(what) + "` must be a map");
  std::string text;
  for (const auto& member : value.get_object()) {
    const std::string name(member.key().data(), member.key().size());
    const std::string where = std::string(what) + "." + name;
    const bool list = member.value().is_array();
    const std::size_t count = list ? member.value().get_array().size() : member.value().is_null() ? 0 : 1;
    for (std::size_t i = 0; i < count; ++i) {
      TRY(const std::string item, scalar_text(list ? member.value().get_array()[i] : member.value(), where));
      text += (text.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(item);
    }
  }
  return text;
}

Status add_headers(const json::value& value, Headers& into) {
  if (!value.is_object()) return Error(Code::kInvalid, "`headers` must be a map");
  for (const auto& member : value.get_object()) {
    if (member.value().is_null()) continue;
    const std::string name(member.key().data(), member.key().size());
    const std::string objection = header_objection(name);
    if (!objection.empty()) return Error(Code::kInvalid, objection);
    TRY(std::string text, scalar_text(member.value(), "headers." + name));
    if (std::any_of(text.begin(), text.end(), control)) {
      return Error(Code::kInvalid, "headers." + name + ": the value must be one line");
    }
    into.set(name, std::move(text));
  }
  return ok();
}

// The target's URL and a path, or a URL that must be on the target's host; then the query.
Result<std::string> join_url(const Target& target, std::string path, bool whole_url,
                             const std::string& query) {
  std::string url;
  if (whole_url) {
    TRY(const Url given, parse_url(path));
    // Credentials go to the target's host alone; where there are none, the step says where to.
    if (!target.url.empty() || target.auth.kind != Auth::Kind::kNone) {
      TRY(const Url own, parse_url(target.url));
      if (given.origin() != own.origin()) {
        return Error(Code::kInvalid,
                     "the URL " + given.origin() + " is not on the target's host " + own.origin());
      }
    }
    const std::string objection = given.path.empty() ? "" : path_objection(given.path);
    if (!objection.empty()) return Error(Code::kInvalid, objection);
    url = std::move(path);
  } else {
    const std::string objection = path_objection(path);
    if (!objection.empty()) return Error(Code::kInvalid, objection);
    url = (target.auth.kind == Auth::Kind::kUrl ? std::string(kSecretUrl) : target.url) + path;
  }
  if (!query.empty()) url += (url.find('?') == std::string::npos ? "?" : "&") + query;
  if (url.size() > kUrlBytesMax) return Error(Code::kInvalid, "the URL is longer than 16 KiB");
  return url;
}

Status write_body(Encoding encoding, const json::value& body, HttpRequest& request) {
  std::string_view type;
  switch (encoding) {
    case Encoding::kNone:
      return ok();
    case Encoding::kJson:
      request.body = to_text(body);
      type = "application/json";
      break;
    case Encoding::kForm: {
      TRY(request.body, encode_pairs(body, "form"));
      type = "application/x-www-form-urlencoded";
      break;
    }
    case Encoding::kText: {
      TRY(request.body, scalar_text(body, "body"));
      type = "text/plain; charset=utf-8";
      break;
    }
  }
  if (request.body.size() > kBodyBytesMax) return Error(Code::kInvalid, "the body is larger than 4 MiB");
  if (request.headers.find("content-type") == nullptr) request.headers.set("Content-Type", std::string(type));
  return ok();
}

}  // namespace

bool names_credentials(std::string_view header) {
  return equal_ignoring_case(header, "authorization") || equal_ignoring_case(header, "proxy-authorization");
}

std::string header_objection(std::string_view name) {
  const auto token = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), token)) {
    return "`" + std::string(name) + "` cannot be the name of a header";
  }
  if (names_credentials(name)) return "credentials belong in the target's `auth`, not in `headers`";
  for (const char* own : {"host", "content-length", "transfer-encoding", "connection", "expect", "te",
                          "trailer", "upgrade", "keep-alive"}) {
    if (equal_ignoring_case(name, own))
      return "the header `" + std::string(name) + "` is the connection's own";
  }
  return "";
}

std::string path_objection(std::string_view path) {
  if (path.empty()) return "";
  if (path[0] != '/') return "the path `" + std::string(path) + "` must begin with a slash";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '\\' || c == '#' || c == '"' || c == '<' || c == '>') {
      return "the path holds a character that must be encoded; end its expressions in `| @uri`";
    }
  }
  for (const std::string_view segment : split(path.substr(0, path.find('?')), '/')) {
    const std::optional<std::string> decoded = percent_decode(segment);
    if (!decoded) return "the path holds a broken percent escape";
    if (*decoded == "." || *decoded == "..") return "the path may not hold `.` or `..` as a part";
  }
  return "";
}

const Kind& HttpForm::kind() const {
  return http_kind();
}

Result<Ask> HttpForm::build(const Target& target, const Values& values) const {
  HttpRequest request;
  request.method = method;
  TRY(std::string at, path.assemble_text(values));
  std::string pairs;
  if (query) {
    TRY(const json::value given, query->assemble(values));
    TRY(pairs, encode_pairs(given, "query"));
  }
  TRY(request.target, join_url(target, std::move(at), whole_url, pairs));
  if (headers) {
    TRY(const json::value given, headers->assemble(values));
    TRY_DONE(add_headers(given, request.headers));
  }
  for (const Header& header : target.headers.list) {
    if (request.headers.find(header.name) == nullptr) request.headers.add(header.name, header.value);
  }
  if (accept_json && request.headers.find("accept") == nullptr) {
    request.headers.set("Accept", "application/json");
  }
  if (body) {
    TRY(const json::value given, body->assemble(values));
    TRY_DONE(write_body(encoding, given, request));
  }
  return Ask(std::move(request));
}

Result<Ask> HttpForm::authorise(Ask ask, const Target& target, const Credentials& credentials) const {
  TRY(HttpRequest request, connector::authorise(std::get<HttpRequest>(std::move(ask)), target, credentials,
                                                signing ? &*signing : nullptr));
  return Ask(std::move(request));
}

}  // namespace postlude::connector
