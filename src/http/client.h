#pragma once
// Client: sends a request once. The engine decides about retries, because only the store remembers what was
// sent.
//
// A thread of its own drives libcurl; everything here is for the loop thread. It does not use redirects,
// cookies, .netrc, or the environment's proxies. It refuses link-local addresses and the metadata services of
// clouds.

#include <functional>
#include <memory>
#include <string>

#include "model/http.h"
#include "rt/loop.h"

namespace postlude::http {

// The receiver of a request. Connections are reused only for the same pool, and only with fresh=false.
struct Peer {
  std::string pool;       // the target's name: never reuse a connection across targets
  bool fresh = false;     // a new connection, closed afterwards: for effects `none` and `lookup`
  std::string proxy;      // "": none; the environment's proxy is not used
  std::string ca_file;    // "": the system's certificates
  std::string cert_file;  // client certificate
  std::string key_file;
  std::string ca_pem, cert_pem, key_pem;  // the same as texts; they go before the files
  bool verify = true;
  std::size_t pool_max = 128;                   // exchanges of this pool at once; more wait
  Duration timeout = std::chrono::seconds(30);  // of the whole exchange, from the search for a connection on
  std::size_t response_bytes_max = 8U << 20U;   // a longer answer is kUnknown
};

// Limits of the whole client. A pool cannot shut out another: each may always have one exchange in progress,
// even above in_flight_max, and waiting exchanges are served in turns of pools.
struct ClientOptions {
  std::size_t in_flight_max = 1024;    // exchanges at once over all pools; the wait is outside any timeout
  std::size_t waiting_max = 16'384;    // further exchanges are refused: kUnavailable
  std::size_t idle_per_pool_max = 16;  // or as many as may be in use at once, if that is more
  // Maximum age of an idle connection. Many servers close theirs after five seconds, and a request on a
  // connection that is being closed ends as kUnknown.
  std::chrono::seconds idle_time = std::chrono::seconds(4);
  Duration connect_timeout = std::chrono::seconds(10);
  std::string user_agent = "postlude";
};

class Client {
 public:
  Client(rt::Loop& loop, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `request.target` is a URL (http or https). Errors tell whether the receiver may have acted:
  //   kInvalid      the URL, a header, the address or the TLS files are unusable; no byte was sent
  //   kUnavailable  no byte of the request was handed to an established connection (DNS, connect, TLS, proxy)
  //   kUnknown      it was, and no complete, well-formed answer within the limits came back
  // Redirects are answers, not followed. Never more than one request on the wire for one call (libcurl would
  // otherwise repeat on a dead reused connection: see exchange.cc). `may_send` (optional) is asked on the
  // client's thread, immediately before the first byte: false gives kUnavailable.
  rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer,
                                      std::function<bool()> may_send = nullptr);

  // Ends the exchanges in progress (as kUnknown or kUnavailable) and refuses new ones. Run the loop until all
  // callers have their answers before destroying the client: it destroys waiting coroutines.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::http
