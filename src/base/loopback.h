#pragma once
// Loopback: tells whether a host, given as an address or a Host header, can only be this machine.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postlude {

// True for `localhost`, an address of 127.0.0.0/8 as four numbers, and ::1 (without brackets). False for any
// other name, because whoever answers for the name decides where it leads.
bool is_loopback(std::string_view host);

// Takes HOST, HOST:PORT, [IPv6] or [IPv6]:PORT, as RFC 9110 defines Host. Returns the host in lower case and
// without brackets; nullopt: anything else.
std::optional<std::string> host_of(std::string_view authority);

}  // namespace postlude
