#pragma once
// Wire: stands in for the network: passes every request to a responder, which gives the answer and its delay.

#include <cstdint>
#include <functional>
#include <string>

#include "pipeline/edge.h"

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
  Ask as_sent;

  Ask shown() const;  // with *** in place of every secret, also encoded ones
  const HttpRequest& http() const { return std::get<HttpRequest>(as_sent); }  // for a call of that kind
};

// The answer to a request. An error: kUnavailable: no byte was sent; kUnknown: the request was sent and no
// answer arrived; the responder decides whether the receiver acted. An answer that takes longer than the
// target's timeout, or is too large, becomes kUnknown too.
struct ScriptedAnswer {
  ScriptedAnswer(Duration delay_in, Reply reply) : delay(delay_in), result(std::move(reply)) {}
  ScriptedAnswer(Duration delay_in, Error error) : delay(delay_in), result(std::move(error)) {}

  Duration delay{};
  Result<Reply> result;

  HttpResponse& http() { return std::get<HttpResponse>(*result); }  // of a call of that kind
};
using Responder = std::function<ScriptedAnswer(const Sent&)>;  // called when the request arrives
// Whether the responder has an answer; false: the request is shown, as in a shadow run, and not sent.
using Answers = std::function<bool(const Sent&)>;

class Wire final : public pipeline::Edge {
 public:
  // `sent` counts the requests, also over several objects.
  Wire(const Responder& responder, const Answers& answers, std::uint64_t& sent)
      : responder_(responder), answers_(answers), sent_(sent) {}

  rt::Task<Result<Reply>> carry_out(Ask ask, pipeline::Line line) override;
  bool answers(const Ask& ask, const pipeline::Line& line) override;
  bool leaves_out() const override { return answers_ != nullptr; }
  bool rehearses() const override { return true; }

 private:
  const Responder& responder_;
  const Answers& answers_;
  std::uint64_t& sent_;
};

}  // namespace postlude::rehearsal
