#include "base/loopback.h"

#include <arpa/inet.h>

#include <array>

#include "base/text.h"

namespace postlude {

namespace {

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_name(std::string_view text) {
  constexpr std::string_view kOf = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
  return !text.empty() && text.size() <= 253 && text.find_first_not_of(kOf) == std::string_view::npos;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host.find('\0') != std::string_view::npos) return false;
  const std::string text(host);
  if (equal_ignoring_case(text, "localhost")) return true;
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes[0] == 127;
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  for (std::size_t i = 0; i < 15; ++i) {
    if (bytes.at(i) != 0) return false;
  }
  return bytes[15] == 1;
}

std::optional<std::string> host_of(std::string_view authority) {
  std::string host = lower(authority);
  const bool bracketed = host.starts_with('[');
  const std::size_t end = bracketed ? host.find(']') : host.find(':');
  if (bracketed && end == std::string::npos) return std::nullopt;
  const std::size_t colon = bracketed ? end + 1 : end;
  if (colon < host.size()) {
    if (host[colon] != ':' || !is_port(std::string_view(host).substr(colon + 1))) return std::nullopt;
  }
  host = bracketed ? host.substr(1, end - 1) : host.substr(0, end);
  std::array<unsigned char, 16> bytes{};
  if (bracketed ? inet_pton(AF_INET6, host.c_str(), bytes.data()) != 1 : !is_name(host)) return std::nullopt;
  return host;
}

}  // namespace postlude
