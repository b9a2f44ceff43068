#include "http/endpoints.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include "http/wire.h"

namespace postlude::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

Result<std::vector<tcp::endpoint>> endpoints_of(const std::string& text) {
  TRY(const Listen listen, parse_listen(text));
  error_code error;
  if (listen.host.empty()) {
    return std::vector<tcp::endpoint>{tcp::endpoint(tcp::v6(), listen.port),
                                      tcp::endpoint(tcp::v4(), listen.port)};
  }
  const auto address = asio::ip::make_address(listen.host, error);
  if (!error) return std::vector<tcp::endpoint>{tcp::endpoint(address, listen.port)};
  asio::io_context context;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(listen.host, std::to_string(listen.port), error);
  if (error || found.empty()) return Error(Code::kInvalid, "cannot find the address of " + listen.host);
  std::vector<tcp::endpoint> out;
  for (const auto& entry : found)
    out.push_back(entry.endpoint());
  return out;
}

}  // namespace postlude::http
