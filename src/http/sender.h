#pragma once
// Sender: sends a request once: through the client, or through a stand-in for the network.

#include <functional>
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
  bool verify = true;
  std::size_t pool_max = 128;                   // exchanges of this pool at once; more wait
  Duration timeout = std::chrono::seconds(30);  // of the whole exchange, from the search for a connection on
  std::size_t response_bytes_max = 8U << 20U;   // a longer answer is kUnknown
  std::string about;  // for stand-ins, never sent: "att_7 create none WORKFLOW STEP"
};

class Sender {
 public:
  virtual ~Sender() = default;

  // `request.target` is a URL (http or https). Errors tell whether the receiver may have acted:
  //   kInvalid      the URL, a header, the address or the TLS files are unusable; no byte was sent
  //   kUnavailable  no byte of the request was handed to an established connection (DNS, connect, TLS, proxy)
  //   kUnknown      it was, and no complete, well-formed answer within the limits came back
  // Returns redirects as answers. `may_send` (optional) is called immediately before the first byte: false
  // gives kUnavailable.
  virtual rt::Task<Result<HttpResponse>> send(HttpRequest request, Peer peer,
                                              std::function<bool()> may_send = nullptr) = 0;

  // For stand-ins. false: the answer to this request is unknown, so it is shown, as in a shadow run, instead
  // of sent.
  virtual bool answers(const HttpRequest& /*request*/, const Peer& /*peer*/) { return true; }
  // Whether answers() may return false.
  virtual bool leaves_out() const { return false; }
};

}  // namespace postlude::http
