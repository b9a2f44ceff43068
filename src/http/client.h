#pragma once
// Client: sends a request, once. Retrying is the engine's business, because only the store remembers.
//
// One thread of its own drives libcurl; everything here is for the loop's thread. Never followed or used:
// redirects, cookies, .netrc, the environment's proxies. Never connected to: link-local addresses and clouds'
// metadata services.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "model/http.h"
#include "rt/loop.h"

namespace postlude::http {

// Whom a request goes to: connections are reused only within one (pool, fresh=false).
struct Peer {
  std::string pool;       // the target's name: never reuse a connection across targets
  bool fresh = false;     // a new connection, closed afterwards: for effects `none` and `lookup`
  std::string proxy;      // "": none, and the environment's is not read
  std::string ca_file;    // "": the system's
  std::string cert_file;  // client certificate
  std::string key_file;
  bool verify = true;
  std::size_t pool_max = 128;                   // of this pool's exchanges at once; more wait
  Duration timeout = std::chrono::seconds(30);  // the whole exchange, from when a connection is looked for
  std::size_t response_bytes_max = 8U << 20U;   // a larger answer is kUnknown
};

// Limits of the whole client. One pool cannot shut out another: each may always have one exchange under way,
// above in_flight_max if need be, and the waiting are served in turns of pools.
struct ClientOptions {
  std::size_t in_flight_max = 1024;  // exchanges at once over all pools; more wait, outside any timeout
  std::size_t waiting_max = 16'384;  // more than these are refused: kUnavailable
  std::size_t idle_per_pool_max = 16;
  // An idle connection older than this is not used again: many servers close theirs after five seconds, and a
  // request that meets such a close is kUnknown.
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

  // `request.target` is a URL (http or https). Never more than one request on the wire for one call (libcurl
  // would otherwise repeat on a dead reused connection: see exchange.cc). Errors tell whether
  // the receiver may have acted:
  //   kInvalid      the URL, a header, the address or the TLS files are unusable; no byte was sent
  //   kUnavailable  no byte of the request was handed to an established connection (DNS, connect, TLS, proxy)
  //   kUnknown      it was, and no complete, well-formed answer within the limits came back
  // Redirects are answers, not followed. `may_send` (optional) is asked on the client's thread immediately
  // before the first byte: false gives kUnavailable.
  rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer,
                                      std::function<bool()> may_send = nullptr);

  // Ends what is under way (kUnknown or kUnavailable, as it stands) and refuses what comes. Let the loop run
  // until the callers have their answers before destroying the client: it destroys whoever still waits.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::http
