#pragma once
// Client: sends a request once. The engine decides about retries, because only the store remembers what was
// sent.
//
// A thread of its own drives libcurl; everything here is for the loop thread. It does not use redirects,
// cookies, .netrc, or the environment's proxies. It refuses link-local addresses and the metadata services of
// clouds.

#include <memory>

#include "http/sender.h"

namespace postlude::http {

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

class Client final : public Sender {
 public:
  Client(rt::Loop& loop, ClientOptions options);
  ~Client() override;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // As in Sender. Sends at most one request per call (libcurl would repeat it when a reused connection is
  // dead: see exchange.cc). Calls `may_send` on the client's thread.
  rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer,
                                      std::function<bool()> may_send = nullptr) override;

  // Ends the exchanges in progress (as kUnknown or kUnavailable) and refuses new ones. Run the loop until all
  // callers have their answers before destroying the client: it destroys waiting coroutines.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::http
