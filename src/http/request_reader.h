#pragma once
// RequestReader: bytes in, one request at a time out. All of Beast is in request_reader.cc; no socket, no
// clock.

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
    kHead,             // request() has all but the body; say read_body() or discard_body() if has_body()
    kWhole,            // the body has been read, or discarded, to its end
    kLineTooLong,      // the request line alone breaks the limit of the headers
    kHeadersTooLarge,  // request() has what the request line said
    kBodyTooLarge,     // said once; go on with take() to discard the rest
    kBroken,           // why() tells; nothing after this can be understood
  };
  struct Step {
    std::size_t used = 0;  // how many of the bytes are done with; give the others again, with more after them
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
  void drop();                // forgets what has come of the request; nothing of it is asked for any more
  std::size_t bytes() const;  // kept of the request so far, about

  bool started() const;   // something other than empty lines has come
  bool has_body() const;  // more than the head belongs to the request and has not been taken yet
  HttpRequest& request();
  // From here on: once the head is there.
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
