#pragma once
// Loopback: whether a host, as an address or a Host header names it, is this machine and nothing else.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postlude {

// `localhost`, an address of 127.0.0.0/8 as four numbers, or ::1 (without brackets). No other name: what a
// name leads to is up to whoever answers for it.
bool is_loopback(std::string_view host);

// HOST, HOST:PORT, [IPv6] or [IPv6]:PORT, as RFC 9110 has it for Host: the host in lower case and without
// brackets. nullopt: anything else.
std::optional<std::string> host_of(std::string_view authority);

}  // namespace postlude
