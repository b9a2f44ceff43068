#pragma once
// Wire: stands in for the network: every request goes to a responder, which says what comes back, and when.

#include <cstdint>
#include <functional>
#include <string>

#include "http/sender.h"

namespace postlude::rehearsal {

// What every secret is here; one that is a whole URL is kSecretUrl.
constexpr std::string_view kSecret = "***";
constexpr std::string_view kSecretUrl = "https://secret.invalid";

// A request that went out.
struct Sent {
  std::uint64_t number = 0;  // of its rehearsal, from 1
  Instant at;                // by the wall clock
  std::string target;        // the target's name
  std::string attempt;       // "att_7"
  std::string request;       // the call's name in its action: "create", "lookup.create"
  std::string effect;        // read, state, upsert, key, lookup, none
  std::string workflow;      // whose run sent it
  std::string step;          // its id; "": it has none
  HttpRequest as_sent;

  HttpRequest shown() const;  // with *** wherever a secret is, also where it is encoded
};

// What becomes of it. An error: kUnavailable, no byte was handed over; kUnknown, it was, and no answer came,
// whatever the receiver has made of it: that is the responder's own business. An answer that takes longer
// than the target's timeout, or is larger than may be, is kUnknown too.
struct Answer {
  Duration delay{};
  Result<HttpResponse> result;
};
using Responder = std::function<Answer(const Sent&)>;  // called when the request arrives
// Whether the responder will know an answer; false: the request is shown, as in a shadow run, and not sent.
using Answers = std::function<bool(const Sent&)>;

class Wire final : public http::Sender {
 public:
  // `sent` counts what goes out, over the lives of several.
  Wire(const Responder& responder, const Answers& answers, std::uint64_t& sent)
      : responder_(responder), answers_(answers), sent_(sent) {}

  rt::Task<Result<HttpResponse>> send(HttpRequest request, http::Peer peer,
                                      std::function<bool()> may_send = nullptr) override;
  bool answers(const HttpRequest& request, const http::Peer& peer) override;
  bool leaves_out() const override { return answers_ != nullptr; }

 private:
  const Responder& responder_;
  const Answers& answers_;
  std::uint64_t& sent_;
};

}  // namespace postlude::rehearsal
