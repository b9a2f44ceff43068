#pragma once
// Endpoints: what a listen address means to the system. Private to http/.

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace postlude::http {

// To be tried in this order.
Result<std::vector<boost::asio::ip::tcp::endpoint>> endpoints_of(const std::string& listen);

}  // namespace postlude::http
