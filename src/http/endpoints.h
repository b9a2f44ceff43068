#pragma once
// Endpoints: resolves a listen address. Private to http/.

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace postlude::http {

// In the order in which to try them.
Result<std::vector<boost::asio::ip::tcp::endpoint>> endpoints_of(const std::string& listen);

}  // namespace postlude::http
