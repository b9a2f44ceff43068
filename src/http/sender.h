#pragma once
// Sender: hands a request over, once: the client's socket, or whatever stands in for the network.

#include <functional>
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
  std::string about;  // for whoever stands in for the network, never sent: "att_7 create none WORKFLOW STEP"
};

class Sender {
 public:
  virtual ~Sender() = default;

  // `request.target` is a URL (http or https). Errors tell whether the receiver may have acted:
  //   kInvalid      the URL, a header, the address or the TLS files are unusable; no byte was sent
  //   kUnavailable  no byte of the request was handed to an established connection (DNS, connect, TLS, proxy)
  //   kUnknown      it was, and no complete, well-formed answer within the limits came back
  // Redirects are answers, not followed. `may_send` (optional) is asked immediately before the first byte:
  // false gives kUnavailable.
  virtual rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer,
                                              std::function<bool()> may_send = nullptr) = 0;

  // For whoever stands in for the network: false, nobody knows what this would be answered, and it is not to
  // be sent but to be shown, as in a shadow run.
  virtual bool answers(const HttpRequest& /*request*/, const Peer& /*peer*/) { return true; }
  // Whether it ever says so.
  virtual bool leaves_out() const { return false; }
};

}  // namespace postlude::http
