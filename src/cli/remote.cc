#include "cli/remote.h"

#include <arpa/inet.h>

#include <cstdio>

#include "base/hash.h"
#include "base/text.h"
#include "connector/target.h"
#include "http/client.h"
#include "rt/group.h"

namespace postlude::cli {

namespace {

rt::Task<> send(rt::Loop& loop, http::Client& client, HttpRequest request,
                std::optional<Result<HttpResponse>>& answer) {
  http::Peer peer;
  peer.pool = "postlude";
  peer.fresh = true;
  AWAIT(answer, client.send(std::move(request), peer));
  loop.stop();
}

Error error_of(const HttpResponse& response, const std::string& url) {
  const auto body = parse_json(response.body);
  std::string detail = body ? std::string(find_text(*body, "detail")) : "";
  if (detail.empty()) detail = "the daemon answered " + std::to_string(response.status);
  // Each answer of the API has this; those of the hooks' listener and of other servers have not.
  const bool api = response.headers.find("X-Content-Type-Options") != nullptr;
  if (!api && (response.status == 404 || response.status == 405)) {
    detail +=
        "; is " + url +
        " the daemon's admin listener (server.admin)? The listener for hooks (server.listen) has no API";
  }
  switch (response.status) {
    case 400:
    case 413:
      return Error(Code::kInvalid, detail);
    case 401:
    case 403:
      return Error(Code::kDenied, detail);
    case 404:
      return Error(Code::kNotFound, detail);
    case 409:
      return Error(Code::kConflict, detail);
    default:
      return Error(Code::kOverloaded, detail);
  }
}

void warn_of_token(const ServerAddress& server, const HttpRequest& request) {
  static bool warned = false;
  if (warned || server.token.empty() || !sent_in_the_clear(request.target)) return;
  warned = true;
  std::fprintf(
      stderr,
      "warning: the token is sent to %s unencrypted, and others on the network can read it; use https or "
      "a port that is forwarded to this machine\n",
      shown_url(server.url).c_str());
}

Result<json::value> ask(const ServerAddress& server, HttpRequest request, const Shape& shape) {
  warn_of_token(server, request);
  if (!server.token.empty()) request.headers.add("Authorization", "Bearer " + server.token);
  TRY(const HttpResponse response, call(std::move(request)));
  if (response.status != 200) return error_of(response, server.url);
  auto body = parse_json(response.body);
  if (!body)
    return Error(Code::kInvalid,
                 "the daemon's answer is not JSON; is " + shown_url(server.url) + " its admin listener?");
  if (const Status fits = check_shape(*body, shape); !fits)
    return Error(fits.error().code,
                 fits.error().message + "; is " + shown_url(server.url) + " its admin listener?");
  return body;
}

Result<std::string> joined(const ServerAddress& server, const std::string& path) {
  TRY(std::string url, url_of(server.url, server.from, ""));
  while (url.ends_with('/'))
    url.pop_back();
  return url + path;
}

bool loopback(std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == 127;
  if (inet_pton(AF_INET6, host.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return host == "localhost";
}

}  // namespace

Result<std::string> url_of(const std::string& written, std::string_view from, std::string_view path) {
  std::string url = written;
  if (url.find("://") == std::string::npos) {
    if (url.starts_with(':')) url = "127.0.0.1" + url;
    const bool bare = url.find('/') == std::string::npos && url.find('?') == std::string::npos;
    url = "http://" + url + (bare ? std::string(path) : "");
  }
  HttpRequest looked_at;  // without user and password, which are allowed here
  looked_at.target = url;
  move_user_info(looked_at);
  if (const auto parsed = connector::parse_url(looked_at.target); !parsed) {
    return Error(Code::kInvalid, std::string(from) + " is '" + shown_url(written) +
                                     "', which is not an address: " + parsed.error().message +
                                     "; expected a URL, HOST:PORT or :PORT");
  }
  return url;
}

bool sent_in_the_clear(const std::string& url) {
  const auto parsed = connector::parse_url(url);
  return parsed && parsed->scheme == "http" && !loopback(parsed->host);
}

Result<HttpResponse> call(HttpRequest request) {
  rt::Loop loop;
  http::Client client(loop, {});
  rt::Group group(loop, "call");
  std::optional<Result<HttpResponse>> answer;
  group.start(send(loop, client, std::move(request), answer));
  loop.run();
  group.abandon();
  if (!answer) return Error(Code::kUnavailable, "interrupted");
  return std::move(*answer);
}

Result<json::value> get(const ServerAddress& server, const std::string& path, const Shape& shape) {
  HttpRequest request;
  request.method = "GET";
  TRY(request.target, joined(server, path));
  return ask(server, std::move(request), shape);
}

Result<json::value> post(const ServerAddress& server, const std::string& path, const json::value& body,
                         const Shape& shape) {
  HttpRequest request;
  request.method = "POST";
  TRY(request.target, joined(server, path));
  request.headers.add("Content-Type", "application/json");
  request.body = to_text(body);
  return ask(server, std::move(request), shape);
}

void move_user_info(HttpRequest& request) {
  const std::size_t start = request.target.find("://");
  if (start == std::string::npos) return;
  const std::size_t slash = std::min(request.target.find('/', start + 3), request.target.size());
  const std::size_t at = request.target.substr(0, slash).rfind('@');
  if (at == std::string::npos || at < start + 3) return;
  const std::string user_info = request.target.substr(start + 3, at - start - 3);
  request.target.erase(start + 3, at - start - 2);
  const auto plain = percent_decode(user_info);
  request.headers.set("Authorization", "Basic " + to_base64(plain.value_or(user_info)));
}

}  // namespace postlude::cli
