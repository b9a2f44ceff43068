#include "connector/call.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "connector/retry_after.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kBodyBytesMax = 4U << 20U;
constexpr std::size_t kUrlBytesMax = 16U << 10U;
constexpr std::size_t kWhyBytesMax = 500;

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

bool json_type(std::string_view type) {
  return lower(type).find("json") != std::string::npos;
}

std::string said(const HttpResponse& answer, const Masker& masker) {
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

std::string asked(const HttpRequest& request) {
  const Result<Url> url = parse_url(request.target);
  const std::string path = url ? (url->path.empty() ? "/" : url->path) : std::string(request.path());
  return request.method + " " + path;
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

bool malformed(const HttpResponse& answer) {
  return !trim(answer.body).empty() && json_type(answer.headers.get("content-type")) &&
         !parse_json(answer.body);
}

Ending unanswered(const HttpRequest& request, const Error& error, const Masker& masker) {
  Ending ending;
  ending.why = asked(request) + ": " + one_line(error.message, masker);
  switch (error.code) {
    case Code::kUnavailable:
      ending.result = RequestResult::kRetryable;
      ending.counts_for_breaker = true;
      break;
    case Code::kOverloaded:
    case Code::kCancelled:
      ending.result = RequestResult::kRetryable;
      break;
    case Code::kUnknown:
      ending.result = RequestResult::kUnclear;
      ending.counts_for_breaker = true;
      break;
    case Code::kInvalid:
    case Code::kDenied:
    case Code::kNotFound:
    case Code::kConflict:
    case Code::kCorrupt:
      ending.result = RequestResult::kRefused;
      break;
  }
  return ending;
}

std::optional<Duration> from_seconds(double seconds) {
  constexpr double kYear = 365.0 * 24 * 3600;
  if (!std::isfinite(seconds)) return std::nullopt;
  return Duration(static_cast<std::int64_t>(std::clamp(seconds, 0.0, kYear) * 1e6));
}

// `retryAfter` yields seconds, whatever a Retry-After may be, or a duration; null and what cannot be read say
// nothing.
std::optional<Duration> told_wait(const lang::Evaluated& value, Instant now) {
  if (!value) return std::nullopt;
  const Result<json::value> yielded = parse_json(*value);
  if (!yielded) return std::nullopt;
  if (yielded->is_number()) return from_seconds(yielded->to_number<double>());
  if (!yielded->is_string()) return std::nullopt;
  return read_wait(view(yielded->get_string()), now);
}

struct RuleResult {
  std::optional<RequestResult> result;
  std::string trouble;             // why a rule could not be asked
  bool overrules_refusal = false;  // and it was one that says of a 4xx that it is none
  bool gone = false;
  bool misread = false;  // a rule yields something else than true or false
};

// The action's own rules; the first that holds decides.
RuleResult by_rules(const Call::Impl& call, const Values& values) {
  struct Rule {
    const std::optional<std::size_t>& at;
    RequestResult result;
    bool gone = false;
  };
  const std::array<Rule, 6> rules = {{{call.success, RequestResult::kSucceeded},
                                      {call.exists, RequestResult::kExists},
                                      {call.gone, RequestResult::kRefused, true},
                                      {call.retry, RequestResult::kRetryable},
                                      {call.refuse, RequestResult::kRefused},
                                      {call.unclear, RequestResult::kUnclear}}};
  RuleResult ruled;
  for (const Rule& rule : rules) {
    if (!rule.at) continue;
    const Result<bool> holds = as_bool(values[*rule.at], call.after[*rule.at]);
    if (!holds) {
      if (ruled.trouble.empty()) ruled.trouble = holds.error().message;
      ruled.misread = ruled.misread || values[*rule.at].has_value();
      ruled.overrules_refusal = ruled.overrules_refusal || rule.result == RequestResult::kExists ||
                                rule.result == RequestResult::kRetryable;
    } else if (*holds) {
      ruled.result = rule.result;
      ruled.gone = rule.gone;
      return ruled;
    }
  }
  return ruled;
}

}  // namespace

Result<bool> as_bool(const lang::Evaluated& value, const lang::Expression& expression) {
  if (!value) return value.error();
  if (*value == "true") return true;
  if (*value == "false") return false;
  return Error(Code::kInvalid, lang::blame(expression, "must yield true or false, not " + *value));
}

std::string one_line(std::string_view said, const Masker& masker) {
  std::string line;
  for (const char c : masker.mask(said)) {
    const bool space = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (space && (line.empty() || line.back() == ' ')) continue;
    if (space) {
      line += ' ';
    } else if (!control(c)) {
      line += c;
    }
    if (line.size() > kWhyBytesMax) break;
  }
  line = cut(std::move(line), kWhyBytesMax);
  while (!line.empty() && line.back() == ' ')
    line.pop_back();
  return line;
}

Result<json::value> Slice::assemble(const Values& values) const {
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return value.assemble(Values(from, from + static_cast<std::ptrdiff_t>(count)));
}

Result<std::string> Slice::assemble_text(const Values& values) const {
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return value.assemble_text(Values(from, from + static_cast<std::ptrdiff_t>(count)));
}

Slice take(lang::Template value, std::vector<lang::Expression>& into) {
  Slice slice{std::move(value), into.size(), 0};
  slice.value.collect(into);
  slice.count = into.size() - slice.begin;
  return slice;
}

std::size_t take(lang::Expression expression, std::vector<lang::Expression>& into) {
  into.push_back(std::move(expression));
  return into.size() - 1;
}

std::string header_objection(std::string_view name) {
  const auto token = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), token)) {
    return "`" + std::string(name) + "` cannot be the name of a header";
  }
  for (const char* credential : {"authorization", "proxy-authorization"}) {
    if (equal_ignoring_case(name, credential))
      return "credentials belong in the target's `auth`, not in `headers`";
  }
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

const std::string& Call::id() const {
  return impl_->id;
}
Effect Call::effect() const {
  return impl_->effect;
}
OnUnclear Call::on_unclear() const {
  return impl_->on_unclear;
}
std::optional<Duration> Call::key_window() const {
  return impl_->key_window;
}
Duration Call::lookup_after() const {
  return impl_->lookup_after;
}
const std::vector<lang::Expression>& Call::before() const {
  return impl_->before;
}
const std::vector<lang::Expression>& Call::after() const {
  return impl_->after;
}

Result<Prepared> Call::prepare(const Target& target, const Values& values) const {
  CHECK(values.size() == impl_->before.size());
  Prepared prepared;
  if (!impl_->edition.empty() && impl_->edition != target.edition) {
    prepared.skipped = true;
    return prepared;
  }
  if (impl_->condition) {
    TRY(const bool wanted, as_bool(values[*impl_->condition], impl_->before[*impl_->condition]));
    if (!wanted) {
      prepared.skipped = true;
      return prepared;
    }
  }
  HttpRequest& request = prepared.request;
  request.method = impl_->method;
  TRY(std::string path, impl_->path.assemble_text(values));
  std::string query;
  if (impl_->query) {
    TRY(const json::value pairs, impl_->query->assemble(values));
    TRY(query, encode_pairs(pairs, "query"));
  }
  TRY(request.target, join_url(target, std::move(path), impl_->whole_url, query));
  if (impl_->headers) {
    TRY(const json::value headers, impl_->headers->assemble(values));
    TRY_DONE(add_headers(headers, request.headers));
  }
  for (const Header& header : target.headers.list) {
    if (request.headers.find(header.name) == nullptr) request.headers.add(header.name, header.value);
  }
  if (impl_->accept_json && request.headers.find("accept") == nullptr) {
    request.headers.set("Accept", "application/json");
  }
  if (impl_->body) {
    TRY(const json::value body, impl_->body->assemble(values));
    TRY_DONE(write_body(impl_->encoding, body, request));
  }
  return prepared;
}

Ending Call::interpret(const HttpRequest& request, const Result<HttpResponse>& answer, const Values& values,
                       Instant now, const Masker& masker) const {
  Ending ending;
  if (!answer) {
    ending = unanswered(request, answer.error(), masker);
  } else {
    CHECK(values.size() == impl_->after.size());
    RuleResult ruled = by_rules(*impl_, values);
    ending.result = ruled.result.value_or(by_status(*answer, now));
    ending.gone = ruled.gone;
    std::string more = ruled.trouble;
    // A rule that cannot be asked has not said yes: what the answer means is not known.
    if (!ruled.result && ruled.overrules_refusal && ending.result == RequestResult::kRefused)
      ending.result = RequestResult::kUnclear;
    if (!ruled.result && ending.result == RequestResult::kSucceeded) {
      if (impl_->success || !more.empty()) {
        ending.result = RequestResult::kUnclear;
        if (more.empty()) more = "`success` is not met";
      } else if (malformed(*answer)) {
        ending.result = RequestResult::kUnclear;
        more = "the answer says it is JSON but is not";
      }
    }
    if (ending.result == RequestResult::kSucceeded) return ending;
    ending.answered = !ruled.result && ending.result == RequestResult::kUnclear && answer->status >= 200 &&
                      answer->status < 300;
    // Where the status alone would have settled it, asking again yields the same.
    const RequestResult plain = by_status(*answer, now);
    ending.misread = !ruled.result && ruled.misread && ending.result == RequestResult::kUnclear &&
                     (plain == RequestResult::kSucceeded || plain == RequestResult::kRefused);
    std::string text;
    if (impl_->message) {
      const Result<json::value> message = impl_->message->assemble(values);
      if (message && !message->is_null()) {
        text = message->is_string() ? std::string(view(message->get_string())) : to_text(*message);
      }
    }
    if (text.empty()) text = said(*answer, masker);
    if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
    ending.why = std::to_string(answer->status) + " from " + asked(request) +
                 (text.empty() ? "" : ": " + one_line(text, masker));
    if (impl_->retry_after) ending.retry_after = told_wait(values[*impl_->retry_after], now);
    if (!ending.retry_after) ending.retry_after = retry_after(*answer, now);
    const bool later = ending.result == RequestResult::kRetryable;
    if (!later && ending.result != RequestResult::kUnclear) ending.retry_after.reset();
    ending.counts_for_breaker = (later && answer->status != 429) || ending.result == RequestResult::kUnclear;
  }
  // A read that came to nothing can be made again: it is only retryable.
  if (impl_->effect == Effect::kRead && ending.result == RequestResult::kUnclear) {
    ending.result = ending.misread ? RequestResult::kRefused : RequestResult::kRetryable;
  }
  return ending;
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
  Result<json::value> parsed = json_type(request.headers.get("content-type"))
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
