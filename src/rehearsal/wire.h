#pragma once
// Wire: stands in for the network: passes every request to a responder, which gives the answer and its delay.

#include <cstdint>
#include <functional>
#include <string>

#include "http/sender.h"

namespace postlude::rehearsal {

// The value of every secret here; of one that is a whole URL, kSecretUrl.
constexpr std::string_view kSecret = "***";
constexpr std::string_view kSecretUrl = "https://secret.invalid";

// A request that was sent.
struct Sent {
  std::uint64_t number = 0;  // of its rehearsal, from 1
  Instant at;                // by the wall clock
  std::string target;        // the target's name
  std::string attempt;       // "att_7"
  std::string request;       // the call's name in its action: "create", "lookup.create"
  std::string effect;        // read, state, upsert, key, lookup, none
  std::string workflow;      // of the run that sent it
  std::string step;          // id; "": it has none
  HttpRequest as_sent;

  HttpRequest shown() const;  // with *** in place of every secret, also encoded ones
};

// The answer to a request. An error: kUnavailable: no byte was sent; kUnknown: the request was sent and no
// answer arrived; the responder decides whether the receiver acted. An answer that takes longer than the
// target's timeout, or is too large, becomes kUnknown too.
struct ScriptedAnswer {
  Duration delay{};
  Result<HttpResponse> result;
};
using Responder = std::function<ScriptedAnswer(const Sent&)>;  // called when the request arrives
// Whether the responder has an answer; false: the request is shown, as in a shadow run, and not sent.
using Answers = std::function<bool(const Sent&)>;

class Wire final : public http::Sender {
 public:
  // `sent` counts the requests, also over several objects.
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
