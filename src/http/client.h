#pragma once
// Client: sends a request, once. Retrying is the engine's business, because only the store remembers.
//
// One thread of its own drives libcurl; everything here is for the loop's thread. Never followed or used:
// redirects, cookies, .netrc, the environment's proxies. Never connected to: link-local addresses and clouds'
// metadata services.

#include <memory>

#include "http/sender.h"

namespace postlude::http {

// Limits of the whole client. One pool cannot shut out another: each may always have one exchange under way,
// above in_flight_max if need be, and the waiting are served in turns of pools.
struct ClientOptions {
  std::size_t in_flight_max = 1024;    // exchanges at once over all pools; more wait, outside any timeout
  std::size_t waiting_max = 16'384;    // more than these are refused: kUnavailable
  std::size_t idle_per_pool_max = 16;  // or as many as may be in use at once, if that is more
  // An idle connection older than this is not used again: many servers close theirs after five seconds, and a
  // request that meets such a close is kUnknown.
  std::chrono::seconds idle_time = std::chrono::seconds(4);
  Duration connect_timeout = std::chrono::seconds(10);
  std::string user_agent = "postlude";
};

class Client final : public Sender {
 public:
  Client(rt::Loop& loop, ClientOptions options);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // As Sender says; never more than one request on the wire for one call (libcurl would otherwise repeat on a
  // dead reused connection: see exchange.cc). `may_send` is asked on the client's thread.
  rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer,
                                      std::function<bool()> may_send = nullptr) override;

  // Ends what is under way (kUnknown or kUnavailable, as it stands) and refuses what comes. Let the loop run
  // until the callers have their answers before destroying the client: it destroys whoever still waits.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::http
