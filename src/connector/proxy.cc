// Which proxy leads to a host, by the environment's variables.

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "connector/target.h"

namespace postlude::connector {
namespace {

struct Address {
  std::array<unsigned char, 16> bytes{};
  std::size_t size = 0;  // 4, 16; 0: it is a name
};

Address address_of(std::string host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  Address address;
  if (inet_pton(AF_INET, host.c_str(), address.bytes.data()) == 1) {
    address.size = 4;
  } else if (inet_pton(AF_INET6, host.c_str(), address.bytes.data()) == 1) {
    address.size = 16;
  }
  return address;
}

// Whether `host` lies in 10.0.0.0/8 or fd00::/8.
bool in_network(const Address& host, std::string_view network) {
  const std::size_t slash = network.find('/');
  if (slash == std::string_view::npos || host.size == 0) return false;
  const Address base = address_of(std::string(network.substr(0, slash)));
  std::size_t bits = 0;
  const std::string_view digits = network.substr(slash + 1);
  if (base.size != host.size || digits.empty() || digits.size() > 3) return false;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    bits = bits * 10 + static_cast<std::size_t>(c - '0');
  }
  if (bits > base.size * 8) return false;
  for (std::size_t i = 0; i < bits; ++i) {
    const unsigned mask = 0x80U >> (i % 8);
    if ((static_cast<unsigned>(host.bytes[i / 8] ^ base.bytes[i / 8]) & mask) != 0) return false;
  }
  return true;
}

bool within_domain(std::string_view host, std::string_view domain) {
  return host == domain || (host.size() > domain.size() && host.ends_with(domain) &&
                            host[host.size() - domain.size() - 1] == '.');
}

// Hosts of this machine and of this cluster: no proxy knows them.
bool near(std::string_view host, const Address& address) {
  if (within_domain(host, "localhost")) return true;
  if (address.size == 4) return address.bytes[0] == 127;
  if (address.size == 16) {
    static constexpr std::array<unsigned char, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return address.bytes == kLoopback;
  }
  return within_domain(host, "svc") || within_domain(host, "cluster.local") || host == "kubernetes" ||
         host == "kubernetes.default";
}

// One entry of no_proxy: `*`, a domain with or without a dot before it, an address, a network; each may have
// a port.
bool excluded(const Url& url, const Address& address, std::string entry) {
  entry = lower(trim(entry));
  if (entry.empty()) return false;
  if (entry == "*") return true;
  if (in_network(address, entry)) return true;
  const std::size_t colon = entry.rfind(':');
  const bool six = entry.find(':') != colon && !entry.starts_with('[');
  if (colon != std::string::npos && !six && entry.find(']', colon) == std::string::npos) {
    const std::string port = url.port.empty() ? (url.scheme == "https" ? "443" : "80") : url.port;
    if (entry.substr(colon + 1) != port) return false;
    entry.resize(colon);
  }
  if (address.size > 0) {
    const Address other = address_of(entry);
    return other.size == address.size && other.bytes == address.bytes;
  }
  if (entry.starts_with("*.")) entry.erase(0, 1);
  if (entry.starts_with('.')) entry.erase(0, 1);
  return within_domain(url.host, entry);
}

bool excluded(const Url& url, const Address& address, std::string_view list) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    if (excluded(url, address, std::string(list.substr(0, end)))) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

}  // namespace

std::string proxy_url(std::string_view written) {
  std::string text(trim(written));
  if (text.empty() || text.find("://") != std::string::npos) return text;
  return "http://" + text;
}

std::string proxy_for(const Target& target, std::string_view text) {
  if (target.without_proxy) return "";
  if (!target.proxy.empty() || target.proxies == nullptr) return target.proxy;
  const Result<Url> url = parse_url(text);
  if (!url) return "";
  const std::string& proxy = url->scheme == "https" ? target.proxies->https : target.proxies->http;
  if (proxy.empty()) return "";
  const Address address = address_of(url->host);
  if (near(url->host, address) || excluded(*url, address, std::string_view(target.proxies->none))) return "";
  return proxy;
}

}  // namespace postlude::connector
