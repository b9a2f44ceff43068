#include <algorithm>

#include "base/text.h"
#include "connector/target.h"

namespace postlude::connector {
namespace {

bool host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool address_char(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Status read_authority(std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    return Error(Code::kInvalid, "a URL cannot have a user name or password; put them into `auth`");
  }
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return Error(Code::kInvalid, "the host's bracket is not closed");
    url.host = lower(authority.substr(0, end + 1));
    const std::string_view inner = std::string_view(url.host).substr(1, end - 1);
    if (inner.empty() || !std::all_of(inner.begin(), inner.end(), address_char)) {
      return Error(Code::kInvalid, "`" + url.host + "` is not an IP address");
    }
    rest = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    url.host = lower(authority.substr(0, colon));
    if (url.host.empty() || !std::all_of(url.host.begin(), url.host.end(), host_char)) {
      return Error(Code::kInvalid, "`" + url.host + "` is not a host name");
    }
    rest = colon == std::string_view::npos ? "" : authority.substr(colon);
  }
  if (rest.empty()) return ok();
  url.port = rest.substr(1);
  if (rest[0] != ':' || !digits(url.port) || url.port.size() > 5 || std::stoi(url.port) > 65535) {
    return Error(Code::kInvalid, "`" + std::string(rest) + "` is not a port (0 to 65535)");
  }
  return ok();
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  Url url;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '\\' || c == '#' || c == '"' || c == '<' || c == '>') {
      return Error(Code::kInvalid,
                   "a URL cannot have spaces, fragments (#), quotes or characters beyond ASCII");
    }
  }
  const std::size_t colon = text.find("://");
  url.scheme = lower(text.substr(0, colon == std::string_view::npos ? 0 : colon));
  if (url.scheme != "http" && url.scheme != "https") {
    return Error(Code::kInvalid, "a URL begins with https:// or http://");
  }
  const std::string_view rest = text.substr(colon + 3);
  const std::size_t end = std::min(rest.find('/'), rest.find('?'));
  TRY_DONE(read_authority(rest.substr(0, end), url));
  const std::string_view tail = end >= rest.size() ? std::string_view() : rest.substr(end);
  const std::size_t question = tail.find('?');
  url.path = tail.substr(0, question);
  if (question != std::string_view::npos) url.query = tail.substr(question + 1);
  return url;
}

std::string Url::origin() const {
  const bool own = port.empty() || (scheme == "https" && port == "443") || (scheme == "http" && port == "80");
  return scheme + "://" + host + (own ? "" : ":" + port);
}

}  // namespace postlude::connector
