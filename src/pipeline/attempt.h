#pragma once
// Attempting: one attempt of a step, from its first expression to its outcome. It takes earlier attempts into
// account, commits each request that is not a read before it sends it, and keeps every answer for the record.
//
// Loop thread only. Must live until carry_out() completes.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/effect.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

// Builds the expression context of a step: `.event`, `.run`, `.workflow`, `.vars`, `.steps`, `.item`,
// `.data`,
// `.failure`, `.step` and `.status`. `secret`: the store's, for links and callback URLs.
json::object step_context(const store::Work& work, const BoundWorkflow& bound, const Rules& rules,
                          std::string_view secret);

// Explains the result of a condition as JSON {expression, values, result}; long values are cut.
json::object trace_of(const lang::Expression& condition, const json::value& context,
                      const lang::Evaluated& answer, const connector::Masker& masker);

// A value in a reason: masked, and at most 80 bytes of that.
std::string shown_value(std::string_view value, const connector::Masker& masker);

// Parses JSON that the store keeps; `otherwise` if the text is empty.
json::value parsed(const std::string& text, json::value otherwise);

// The outcome "retry later", if one of the values has no result because no evaluator was available; else
// nullopt.
std::optional<Outcome> later(const Values& values);

// Cuts a reason to 4,000 bytes, because step, attempt and audit each store it.
std::string bounded(std::string_view why);

// Follows a stored text that was cut.
constexpr std::string_view kCutMark = "… (cut)";

// The value of everything that depends on a request which a shadow run did not send.
constexpr const char* kShadow = "(shadow)";

class Attempting {
 public:
  // Rate limits for the requests after the first; the claim has already taken the first one's turn.
  struct Turns {
    Rates& rates;
    const bool& stopping;
  };
  Attempting(const Parts& parts, connector::Masker& masker, std::shared_ptr<const Rules> rules,
             std::shared_ptr<const BoundWorkflow> bound, const store::Work& work, Turns turns);
  ~Attempting();
  Attempting(const Attempting&) = delete;
  Attempting& operator=(const Attempting&) = delete;

  // Makes the attempt. nullopt: the lease is void, or the step was given back; there is nothing to record.
  rt::Task<std::optional<Outcome>> carry_out();

  // Results for the record, valid after carry_out(): answers that are not stored yet, and what was evaluated
  // first.
  std::vector<Request> ended;
  std::optional<std::string> input;
  std::optional<Instant> step_now;
  std::optional<std::string> trace;
  bool unanswered = false;  // it ended because an approval or callback timed out

 private:
  // Result of an action's plan (requests, lookup or update): its outputs, or the outcome that ends the
  // attempt.
  using PlanResult = std::variant<json::value, Outcome>;

  std::optional<Outcome> past_deadline() const;
  // Evaluates `if`, `forEach` and `with`, and does all of a built-in. nullopt: go on with the action.
  rt::Task<std::optional<Outcome>> begin();
  bool asks_condition() const;
  std::optional<Outcome> judge_condition(Values& values);
  rt::Task<std::optional<Outcome>> spread();
  rt::Task<std::optional<Outcome>> evaluate_with(bool condition);
  std::optional<Outcome> no_room();
  rt::Task<std::optional<Outcome>> take_key();
  bool has_made() const;
  rt::Task<std::optional<Outcome>> begin_anew();
  Outcome built_in();
  Outcome wait();
  Outcome approval();
  Outcome callback();
  Outcome assertion();
  // -- shadow runs and `simulate`: writes are not sent
  bool shadows() const;
  bool stands_in(std::string_view text) const;  // whether it contains kShadow
  bool stands_in(const json::value& value) const;
  void stand_in(const std::vector<lang::Expression>& expressions, Values& values) const;
  Outcome shown_at_once(const json::value& outputs) const;
  bool asks_for_word(const HttpRequest& request) const;
  bool cannot_be_shown(const connector::Call& call, const Values& values);
  std::optional<Outcome> not_sent(const connector::Call& call, const HttpRequest& request, Request row);
  bool hangs_on_unknown(const connector::Call& call) const;
  PlanResult shadowed(const connector::Plan& plan, const Values& values) const;
  rt::Task<PlanResult> go_through(const connector::Plan* plan, bool looking);
  rt::Task<std::optional<Outcome>> one_call(const connector::Call* call, bool looking);
  // Settles the request with what earlier attempts left. true: send it; false: it is settled; or the outcome
  // that ends the attempt.
  rt::Task<std::variant<bool, Outcome>> settle_past(const connector::Call* call);
  rt::Task<std::optional<Outcome>> exchange(const connector::Call* call, HttpRequest request, bool looking);
  rt::Task<std::optional<Outcome>> take_turn();
  rt::Task<std::optional<Outcome>> commit(Request* row);
  std::optional<Outcome> outcome_of(const connector::Call& call, const connector::Ending& ending,
                                    bool looking) const;
  engine::EffectRule rule_of(const connector::Call& call) const;
  rt::Task<Values> evaluate(const std::vector<lang::Expression>& expressions);
  std::string name_of(const connector::Call& call) const;
  std::string key_of(const connector::Call& call) const;  // idempotency key
  http::Peer peer_of(const connector::Call& call, const Request& row) const;
  Request row_of(const connector::Call& call, const HttpRequest& request, bool looking) const;
  json::value& requests_of(const std::string& call);  // `.requests.<id>`
  void remember_proved(const connector::Call& call, const Request& proved);
  // For a poll of an action that waits: whether the write is settled. Sets its stored answer, or null.
  bool settled(const connector::Call& call);
  // Uses the outputs of a successful lookup as the answer that never came.
  void take_found(const connector::Call& call, const Request& past, json::value outputs);
  // Asks `until` whether the job has ended. nullopt: it has, and the step goes on.
  rt::Task<std::optional<Outcome>> look();

  const Parts& parts_;
  connector::Masker& masker_;
  std::shared_ptr<const Rules> rules_;
  std::shared_ptr<const BoundWorkflow> bound_;
  const store::Work& work_;
  Turns turns_;
  std::size_t asked_ = 0;                // number of requests of this attempt
  std::optional<Duration> send_before_;  // steady clock: do not send the current request after this time
  const Step& row_;
  const BoundStep* step_ = nullptr;
  const connector::Target* target_ = nullptr;
  std::shared_ptr<json::value> context_;  // shared with running evaluations; changed only between them
  Instant now_{};                         // the step's stored time
  std::optional<json::value> found_;      // outputs of a lookup that found the effect
  std::string kept_;                      // outputs of the first use of `key`; "": this is the first use
  std::string use_of_;                    // the step's `key`; "": it has none
  std::int64_t generation_ = 0;           // of the key, see store::Keyed
  bool updating_ = false;                 // sends the action's `update`, not its requests
  bool gone_ = false;                     // the object to update no longer exists
  Duration not_before_{};                 // the earliest next poll that the system asked for
  bool dry_ = false;                      // a shadow run has left out a write: later answers are unknown
  std::set<std::string, std::less<>> unknown_;  // requests that were not made because of dry_
  bool void_ = false;                           // the lease is void
};

}  // namespace postlude::pipeline
