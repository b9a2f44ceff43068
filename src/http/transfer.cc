#include "http/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>

#include "base/check.h"
#include "base/text.h"

namespace postlude::http {
namespace {

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

Transfer& transfer_of(void* user) {
  return *static_cast<Transfer*>(user);
}

// libcurl calls this when a connection stands, and the first byte of the request is next. A second call
// within one transfer means that it is about to repeat the request, after a reused connection turned out to
// be dead: whether the peer has acted on the first one, nobody knows, so it must not.
int on_send(void* user, char*, char*, int, int) {
  Transfer& transfer = transfer_of(user);
  if (++transfer.handed_over > 1) return CURL_PREREQFUNC_ABORT;
  if (transfer.may_send && !transfer.may_send()) {
    transfer.denied = true;
    return CURL_PREREQFUNC_ABORT;
  }
  return CURL_PREREQFUNC_OK;
}

curl_socket_t on_open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  if (refused(&address->addr)) {
    transfer_of(user).address_refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_blob(CURL* easy, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  curl_blob blob{};
  blob.data = const_cast<char*>(text.data());  // it is copied
  blob.len = text.size();
  blob.flags = CURL_BLOB_COPY;
  curl_easy_setopt(easy, option, &blob);
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
  if (!peer.ca_pem.empty()) curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  set_blob(easy, CURLOPT_CAINFO_BLOB, peer.ca_pem);
  set_blob(easy, CURLOPT_SSLCERT_BLOB, peer.cert_pem);
  set_blob(easy, CURLOPT_SSLKEY_BLOB, peer.key_pem);
}

long milliseconds_of(Duration d) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(d).count();
  return static_cast<long>(std::clamp<decltype(ms)>(ms, 1, 24L * 3600 * 1000));
}

bool unusable(CURLcode code) {
  return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ENGINE_NOTFOUND ||
         code == CURLE_BAD_FUNCTION_ARGUMENT;
}

}  // namespace

Status check_url(const Transfer& transfer, const std::string& url, std::string_view scheme,
                 std::string_view secure_scheme) {
  const auto parts = parse_url(url, 0);
  if (!parts) return Error(Code::kInvalid, "not a URL that can be used");
  if (parts->scheme != scheme && parts->scheme != secure_scheme) {
    return Error(Code::kInvalid,
                 "the URL is neither " + std::string(scheme) + " nor " + std::string(secure_scheme));
  }
  if (refused(parts->host))
    return Error(Code::kInvalid, "link-local and metadata addresses are refused: " + parts->host);
  if (transfer.peer.proxy.empty()) return ok();
  const auto proxy = parse_url(transfer.peer.proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
  static constexpr std::array<std::string_view, 4> kProxies = {"http", "https", "socks5", "socks5h"};
  if (!proxy || std::find(kProxies.begin(), kProxies.end(), proxy->scheme) == kProxies.end()) {
    return Error(Code::kInvalid, "the proxy is not an http, https, socks5 or socks5h URL");
  }
  return ok();
}

void init_curl() {
  static std::once_flag once;
  std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

void set_common(Transfer& transfer, CURL* easy, const ClientOptions& options) {
  const Peer& peer = transfer.peer;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error_text);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // do not wait for a resolver that hangs
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_PROXY, peer.proxy.c_str());  // "" keeps it from reading the environment
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds_of(peer.timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   milliseconds_of(std::min(peer.timeout, options.connect_timeout)));
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN,
                   static_cast<long>(std::max<std::int64_t>(1, options.idle_time.count())));
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, peer.fresh ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, peer.fresh ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  set_tls(easy, peer);
}

Error not_sent(const Transfer& transfer, CURLcode code) {
  if (transfer.address_refused) return {Code::kInvalid, "link-local and metadata addresses are refused"};
  if (transfer.denied) return {Code::kUnavailable, "the right to send this request has lapsed"};
  return {unusable(code) ? Code::kInvalid : Code::kUnavailable, words(transfer, code)};
}

std::string words(const Transfer& transfer, CURLcode code) {
  std::string text = transfer.error_text;
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

}  // namespace postlude::http
