#include "http/exchange.h"

#include <algorithm>

#include "base/text.h"

namespace postlude::http {
namespace {

constexpr std::size_t kHeaderBytesMax = 64U << 10U;  // of an answer

bool is_token(std::string_view text) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

Status collect_headers(Exchange& exchange, bool has_body) {
  bool typed = false;
  const auto append = [&](const std::string& line) {
    if (curl_slist* longer = curl_slist_append(exchange.header_list, line.c_str()))
      exchange.header_list = longer;
  };
  for (const Header& header : exchange.request.headers.list) {
    if (!is_token(header.name)) return Error(Code::kInvalid, "not a header's name: " + cut(header.name, 64));
    if (header.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return Error(Code::kInvalid, "a line break in the header " + header.name);
    }
    const std::string name = lower(header.name);
    if (name == "content-length" || name == "transfer-encoding" || name == "expect") {
      return Error(Code::kInvalid, "the header " + header.name + " is not for requests to set");
    }
    typed = typed || name == "content-type";
    append(trim(header.value).empty() ? header.name + ";" : header.name + ": " + header.value);
  }
  append("Expect:");  // a request goes out whole, or not at all
  if (has_body && !typed) append("Content-Type:");
  return ok();
}

Exchange& exchange_of(void* user) {
  return *static_cast<Exchange*>(user);
}

void begin_head(Exchange& exchange, std::string_view line) {
  exchange.head_begun = true;
  exchange.response = HttpResponse();
  const std::size_t space = line.find(' ');
  int status = 0;
  for (const char c : line.substr(std::min(space, line.size() - 1) + 1, 3)) {
    status = c >= '0' && c <= '9' ? status * 10 + (c - '0') : 0;
  }
  exchange.response.status = status;
}

// libcurl takes the last of several, and reads a number that is too large as none at all.
void read_length(Exchange& exchange) {
  for (const Header& header : exchange.response.headers.list) {
    if (!equal_ignoring_case(header.name, "content-length")) continue;
    for (const std::string_view one : split(header.value, ',')) {
      const std::string_view digits = trim(one);
      const bool number = !digits.empty() && digits.size() <= 18 &&
                          digits.find_first_not_of("0123456789") == std::string_view::npos;
      const std::uint64_t length = number ? std::stoull(std::string(digits)) : 0;
      exchange.bad_length = exchange.bad_length || !number || exchange.length.value_or(length) != length;
      exchange.length = length;
    }
  }
  // What comes in chunks says itself where it ends.
  if (exchange.response.headers.find("transfer-encoding") != nullptr) exchange.length.reset();
}

bool is_short(const Exchange& exchange) {
  const int status = exchange.response.status;
  if (exchange.request.method == "HEAD" || status == 204 || status == 304) return false;
  return exchange.length && exchange.response.body.size() < *exchange.length;
}

std::size_t on_header(char* bytes, std::size_t, std::size_t n, void* user) {
  Exchange& exchange = exchange_of(user);
  exchange.header_bytes += n;
  if (exchange.header_bytes > kHeaderBytesMax) {
    exchange.too_large = true;
    return 0;
  }
  std::string_view line(bytes, n);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  if (exchange.head_whole) return n;  // a trailer
  if (!exchange.head_begun) {
    if (line.starts_with("HTTP/")) begin_head(exchange, line);
    return n;
  }
  auto& headers = exchange.response.headers.list;
  if (line.empty()) {
    exchange.head_begun = false;
    exchange.head_whole = exchange.response.status >= 200;  // else: an interim answer, the next one follows
    if (exchange.head_whole) read_length(exchange);
    if (exchange.bad_length) return 0;
  } else if (const std::size_t colon = line.find(':');
             (line[0] == ' ' || line[0] == '\t') && !headers.empty()) {
    headers.back().value.append(" ").append(trim(line));
  } else if (colon != std::string_view::npos) {
    headers.push_back({std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
  }
  return n;
}

std::size_t on_body(char* bytes, std::size_t, std::size_t n, void* user) {
  Exchange& exchange = exchange_of(user);
  if (n > exchange.peer.response_bytes_max - exchange.response.body.size()) {
    exchange.too_large = true;
    return 0;
  }
  exchange.response.body.append(bytes, n);
  return n;
}

void set_request(Exchange& exchange, CURL* easy, bool has_body) {
  const HttpRequest& request = exchange.request;
  curl_easy_setopt(easy, CURLOPT_URL, request.target.c_str());
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange.header_list);
}

}  // namespace

Status Exchange::prepare(CURL* easy, const ClientOptions& options) {
  TRY_DONE(check_url(*this, request.target, "http", "https"));
  const std::string& method = request.method;
  if (!is_token(method) || method == "CONNECT")
    return Error(Code::kInvalid, "not a method to send: " + cut(method, 64));
  const bool may_have_body = method != "GET" && method != "HEAD" && method != "OPTIONS" && method != "DELETE";
  const bool has_body = may_have_body || !request.body.empty();
  if (method == "HEAD" && has_body) return Error(Code::kInvalid, "a HEAD request has no body");
  TRY_DONE(collect_headers(*this, has_body));

  set_common(*this, easy, options);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_HEADEROPT,
                   static_cast<long>(CURLHEADER_SEPARATE));  // ours are not the proxy's to see
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  set_request(*this, easy, has_body);
  return ok();
}

void Exchange::conclude(CURLcode code) {
  if (handed_over == 0 || denied) {
    result = not_sent(*this, code);
  } else if (too_large) {
    result = Error(Code::kUnknown,
                   header_bytes > kHeaderBytesMax
                       ? "the headers of the answer are too large"
                       : "the answer is larger than " + std::to_string(peer.response_bytes_max) + " bytes");
  } else if (bad_length) {
    result = Error(Code::kUnknown, "the answer's Content-Length is not one number");
  } else if (handed_over > 1) {
    result = Error(Code::kUnknown, "the connection was closed before an answer came");
  } else if (code != CURLE_OK) {
    result = Error(Code::kUnknown, words(*this, code));
  } else if (!head_whole) {
    result = Error(Code::kUnknown, "the answer was cut off in its headers");
  } else if (is_short(*this)) {
    result = Error(Code::kUnknown, "the answer is shorter than its Content-Length");
  } else {
    result = std::move(response);
  }
}

}  // namespace postlude::http
