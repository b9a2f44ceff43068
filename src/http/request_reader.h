#pragma once
// RequestReader: parses one request after the other from bytes. All of Beast is in request_reader.cc; no
// socket, no clock.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/http.h"

namespace postlude::http {

class RequestReader {
 public:
  enum class Got : std::uint8_t {
    kNeedMore = 1,
    kHead,         // request() is complete but for the body; call read_body() or discard_body() if has_body()
    kWhole,        // the body was read, or discarded, to its end
    kLineTooLong,  // the request line alone exceeds the limit of the headers
    kHeadersTooLarge,  // request() has the content of the request line
    kBodyTooLarge,     // reported once; go on with take() to discard the rest
    kBroken,           // why() says what is wrong; nothing after this can be parsed
  };
  struct Step {
    std::size_t used = 0;  // number of consumed bytes; pass the others again, followed by more
    Got got = Got::kNeedMore;
  };

  explicit RequestReader(std::size_t header_bytes_max);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  void reset();  // for the next request on the connection
  Step take(std::string_view bytes);
  void read_body(std::size_t bytes_max);
  void discard_body();
  void drop();                // discards what was read of the request; do not ask for it any more
  std::size_t bytes() const;  // approximate number of bytes stored for the request so far

  bool started() const;   // something other than empty lines has arrived
  bool has_body() const;  // the request has more than its head, and this was not taken yet
  HttpRequest& request();
  // Valid once the head has arrived.
  bool keep_alive() const;
  bool http_1_0() const;
  bool expects_continue() const;
  std::optional<std::uint64_t> announced_bytes() const;  // nullopt: chunked
  const std::string& why() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::http
