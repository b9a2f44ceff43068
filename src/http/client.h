#pragma once
// Client: sends a request, once. Retrying is the engine's business, because only the store remembers.
//
// One thread of its own drives libcurl; everything here is for the loop's thread.

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
  Duration timeout = std::chrono::seconds(30);      // the whole exchange
  std::size_t response_bytes_max = 8U << 20U;       // a larger answer is kUnknown
};

struct ClientOptions {
  std::size_t in_flight_max = 256;   // exchanges at once over all pools; more wait, and the wait counts for no timeout
  std::size_t idle_per_pool_max = 16;
  Duration connect_timeout = std::chrono::seconds(10);
  std::string user_agent = "postlude";
};

class Client {
 public:
  Client(rt::Loop& loop, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `request.target` is a URL (http or https). Never more than one request on the wire for one call (libcurl would
  // otherwise repeat on a dead reused connection: see PREREQFUNCTION in client.cc).
  // Errors tell whether the receiver may have acted:
  //   kInvalid      the URL, a header or the TLS files are unusable; nothing was tried
  //   kUnavailable  no byte of the request was handed to an established connection (DNS, connect, TLS, proxy)
  //   kUnknown      it was, and no complete, well-formed answer within the limits came back
  // Redirects are answers, not followed. `may_send` (optional) is asked on the client's thread immediately before
  // the first byte: false gives kUnavailable.
  rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer, std::function<bool()> may_send = nullptr);

  // Ends what is under way (kUnknown or kUnavailable, as it stands) and refuses what comes. Called once.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postlude::http
