#pragma once
// Server: listens, reads whole requests within limits, and passes them to one handler. All of Beast is in
// request_reader.cc.
//
// HTTP/1.1 over TCP. Loop thread only.

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "model/http.h"
#include "rt/group.h"

namespace postlude::http {

struct ServerOptions {
  std::string listen = "127.0.0.1:0";         // host:port, [v6]:port; port 0: any free port, see port()
  std::size_t connections_max = 4096;         // beyond this, others are closed: see http/room.h
  std::size_t bytes_max = 64U << 20U;         // of all incomplete requests; beyond this 503
  std::size_t header_bytes_max = 16U << 10U;  // 431
  std::size_t drain_bytes_max = 16U << 20U;   // of a body whose request was refused by its head
  Duration drain_time = std::chrono::seconds(2);
  Duration header_timeout = std::chrono::seconds(10);  // 408
  Duration body_timeout = std::chrono::seconds(15);    // 408
  // Between requests; the connection is then closed silently. Before the first request at most 20 s.
  Duration idle_timeout = std::chrono::seconds(20);
  Duration write_timeout = std::chrono::seconds(30);
};

// What to do with a request after its head (method, target, headers) was read: answer it without its body
// (which is then drained within the limits above), or read at most `body_bytes_max` of the body. A longer
// body (announced or chunked) gets the answer of `too_large(request)`.
struct ReadBody {
  std::size_t bytes_max = 1U << 20U;
};
using HeadVerdict = std::variant<ReadBody, HttpResponse>;

struct Handler {
  // Called with the head. `headers_too_large`: the headers exceed the limit, and `request` has only the
  // content of the request line; the answer is 404, 405 or 431.
  std::function<HeadVerdict(const HttpRequest& request, bool headers_too_large)> head;
  std::function<HttpResponse(const HttpRequest& request)> too_large;  // 413
  std::function<rt::Task<HttpResponse>(HttpRequest request)> handle;
  // Called when the server itself must refuse: 400 (malformed, both Content-Length and Transfer-Encoding,
  // HTTP/0.9 …), 408 (slow header or body), 501/505 as 400, 503 (no room).
  std::function<HttpResponse(int status, std::string why)> broken;
  // Requests that are answered even when every connection is being handled. May be empty.
  std::function<bool(const HttpRequest& request)> always = nullptr;
  // Called when a connection was closed, or its request refused, for lack of room; `why`: as name_of(Stage)
  // in http/room.h, "memory", or "all answered". May be empty.
  std::function<void(std::string_view why)> let_go = nullptr;
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> listen(rt::Loop& loop, ServerOptions options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;
  // Accepts no more connections, closes idle ones, and lets requests in progress be answered (with
  // Connection: close). Returns true when the last connection has ended; false when the time was over, and
  // the rest was closed.
  rt::Task<bool> close(Duration at_most);

  struct Impl;  // in server.cc

 private:
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace postlude::http
