#include "http/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace postlude::http {
namespace {

constexpr std::size_t kHeaderBytesMax = 64U << 10U;  // of an answer

bool refused_v4(std::uint32_t a) {
  return (a >> 16U) == 0xA9FE ||  // 169.254.0.0/16: link-local, and most clouds' metadata
         a == 0x646464C8 ||       // 100.100.100.200: Alibaba Cloud's
         a == 0xC00000C0;         // 192.0.0.192: Oracle Cloud's
}

bool refused_v6(const in6_addr& address) {
  const auto& b = address.s6_addr;
  static constexpr std::array<std::uint8_t, 16> kAws = {0xFD, 0x00, 0x0E, 0xC2, 0, 0, 0,    0,
                                                        0,    0,    0,    0,    0, 0, 0x02, 0x54};
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0};
  if (b[0] == 0xFE && (b[1] & 0xC0U) == 0x80) return true;  // fe80::/10
  if (std::equal(kAws.begin(), kAws.end(), b)) return true;
  if (!std::equal(kMapped.begin(), kMapped.end(), b) && !std::equal(kNat64.begin(), kNat64.end(), b))
    return false;
  std::uint32_t v4 = 0;
  std::memcpy(&v4, b + 12, sizeof(v4));
  return refused_v4(ntohl(v4));
}

bool refused(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof(in));
    return refused_v4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof(in));
    return refused_v6(in.sin6_addr);
  }
  return false;
}

// Behind a proxy we never see the address; one that is written out in the URL is seen here.
bool refused(std::string host) {
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return refused_v4(ntohl(v4.s_addr));
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && refused_v6(v6);
}

struct UrlParts {
  std::string scheme;
  std::string host;
};

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK) return "";
  std::string out(text);
  curl_free(text);
  return out;
}

std::optional<UrlParts> parse_url(const std::string& text, unsigned flags) {
  if (text.find('\0') != std::string::npos) return std::nullopt;
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), flags) != CURLUE_OK) return std::nullopt;
  return UrlParts{part(url.get(), CURLUPART_SCHEME), part(url.get(), CURLUPART_HOST)};
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

Status check_url(const Exchange& exchange) {
  const auto url = parse_url(exchange.request.target, 0);
  if (!url) return Error(Code::kInvalid, "not a URL that can be used");
  if (url->scheme != "http" && url->scheme != "https") {
    return Error(Code::kInvalid, "the URL is neither http nor https");
  }
  if (refused(url->host))
    return Error(Code::kInvalid, "link-local and metadata addresses are refused: " + url->host);
  if (exchange.peer.proxy.empty()) return ok();
  const auto proxy = parse_url(exchange.peer.proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
  static constexpr std::array<std::string_view, 4> kProxies = {"http", "https", "socks5", "socks5h"};
  if (!proxy || std::find(kProxies.begin(), kProxies.end(), proxy->scheme) == kProxies.end()) {
    return Error(Code::kInvalid, "the proxy is not an http, https, socks5 or socks5h URL");
  }
  return ok();
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

// libcurl calls this when a connection stands, and the first byte of the request is next. A second call
// within one transfer means that it is about to repeat the request, after a reused connection turned out to
// be dead: whether the peer has acted on the first one, nobody knows, so it must not.
int on_send(void* user, char*, char*, int, int) {
  Exchange& exchange = exchange_of(user);
  if (++exchange.handed_over > 1) return CURL_PREREQFUNC_ABORT;
  if (exchange.may_send && !exchange.may_send()) {
    exchange.denied = true;
    return CURL_PREREQFUNC_ABORT;
  }
  return CURL_PREREQFUNC_OK;
}

curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  if (refused(&address->addr)) {
    exchange_of(user).address_refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
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

void set_tls(CURL* easy, const Peer& peer) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, peer.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, peer.verify ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT,
                   300L);  // reading the system's bundle takes longer than a request
  if (!peer.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, peer.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!peer.cert_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, peer.cert_file.c_str());
  if (!peer.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, peer.key_file.c_str());
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

long milliseconds_of(Duration d) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(d).count();
  return static_cast<long>(std::clamp<decltype(ms)>(ms, 1, 24L * 3600 * 1000));
}

// libcurl's own words, unless they could hold a part of a URL that is a secret.
std::string words(const Exchange& exchange, CURLcode code) {
  std::string text = exchange.error_text;
  if (text.empty() || text.find_first_of("?@") != std::string::npos ||
      text.find("://") != std::string::npos) {
    text = curl_easy_strerror(code);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
    text.pop_back();
  // OpenSSL's words for an answer in plain HTTP where the handshake's was due.
  if (text.find("wrong version number") != std::string::npos ||
      text.find("http request") != std::string::npos ||
      text.find("packet length too long") != std::string::npos)
    return "the target answered plain HTTP on an https URL (" + text + ")";
  const bool word = text.size() > 1 && text[1] >= 'a' && text[1] <= 'z';
  if (word && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

bool unusable(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ENGINE_NOTFOUND ||
         code == CURLE_BAD_FUNCTION_ARGUMENT;
}

}  // namespace

Status prepare(Exchange& exchange, CURL* easy, const ClientOptions& options) {
  const Peer& peer = exchange.peer;
  TRY_DONE(check_url(exchange));
  const std::string& method = exchange.request.method;
  if (!is_token(method) || method == "CONNECT")
    return Error(Code::kInvalid, "not a method to send: " + cut(method, 64));
  const bool may_have_body = method != "GET" && method != "HEAD" && method != "OPTIONS" && method != "DELETE";
  const bool has_body = may_have_body || !exchange.request.body.empty();
  if (method == "HEAD" && has_body) return Error(Code::kInvalid, "a HEAD request has no body");
  TRY_DONE(collect_headers(exchange, has_body));

  curl_easy_setopt(easy, CURLOPT_PRIVATE, &exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange.error_text);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that hangs
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_PROXY, peer.proxy.c_str());  // "" keeps it from reading the environment
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_HEADEROPT,
                   static_cast<long>(CURLHEADER_SEPARATE));  // ours are not the proxy's to see
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds_of(peer.timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   milliseconds_of(std::min(peer.timeout, options.connect_timeout)));
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN,
                   static_cast<long>(std::max<std::int64_t>(1, options.idle_time.count())));
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, peer.fresh ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, peer.fresh ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  set_tls(easy, peer);
  set_request(exchange, easy, has_body);
  return ok();
}

void conclude(Exchange& exchange, CURLcode code) {
  if (exchange.handed_over == 0 || exchange.denied) {
    if (exchange.address_refused) {
      exchange.result = Error(Code::kInvalid, "link-local and metadata addresses are refused");
    } else if (exchange.denied) {
      exchange.result = Error(Code::kUnavailable, "the right to send this request has lapsed");
    } else {
      exchange.result = Error(unusable(code) ? Code::kInvalid : Code::kUnavailable, words(exchange, code));
    }
  } else if (exchange.too_large) {
    exchange.result =
        Error(Code::kUnknown, exchange.header_bytes > kHeaderBytesMax
                                  ? "the headers of the answer are too large"
                                  : "the answer is larger than " +
                                        std::to_string(exchange.peer.response_bytes_max) + " bytes");
  } else if (exchange.bad_length) {
    exchange.result = Error(Code::kUnknown, "the answer's Content-Length is not one number");
  } else if (exchange.handed_over > 1) {
    exchange.result = Error(Code::kUnknown, "the connection was closed before an answer came");
  } else if (code != CURLE_OK) {
    exchange.result = Error(Code::kUnknown, words(exchange, code));
  } else if (!exchange.head_whole) {
    exchange.result = Error(Code::kUnknown, "the answer was cut off in its headers");
  } else if (is_short(exchange)) {
    exchange.result = Error(Code::kUnknown, "the answer is shorter than its Content-Length");
  } else {
    exchange.result = std::move(exchange.response);
  }
}

}  // namespace postlude::http
