#pragma once
// Attempting: one try of a step, from its first expression to its outcome. Reads what earlier tries left,
// commits each request that is not a read before it is sent, and keeps every answer.
//
// Loop thread only. Lives as long as carry_out() runs.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/effect.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

// What `.event`, `.run`, `.workflow`, `.vars`, `.steps`, `.item`, `.data`, `.failure`, `.step` and `.status`
// are for a step. `secret`: the store's.
json::object step_context(const store::Work& work, const BoundWorkflow& bound, const Rules& rules,
                          std::string_view secret);

// Why a condition came out as it did, as JSON {expression, values, result}; long values are cut.
json::object trace_of(const lang::Expression& condition, const json::value& context,
                      const lang::Evaluated& answer);

// What we have stored as JSON; `otherwise` where that is nothing.
json::value parsed(const std::string& text, json::value otherwise);

// The attempt to be made later, where no interpreter could be had for one of the values.
std::optional<Outcome> later(const Values& values);

// A reason as it is kept: at most 4,000 bytes, since it stands in the step, the attempt and the audit.
std::string bounded(std::string why);

// How the reasons of a step begin that failed by what it waited for.
constexpr std::string_view kRed = "the result is red: ";
constexpr std::string_view kNotOver = "what it started was not over within ";

// What stands for a value that hangs on an answer which was never asked for.
constexpr const char* kShadow = "(shadow)";

class Attempting {
 public:
  // When a further request may go out: the first one has its turn by the claim.
  struct Turns {
    Rates& rates;
    const bool& stopping;
  };
  Attempting(const Parts& parts, connector::Masker& masker, std::shared_ptr<const Rules> rules,
             std::shared_ptr<const BoundWorkflow> bound, const store::Work& work, Turns turns);
  ~Attempting();
  Attempting(const Attempting&) = delete;
  Attempting& operator=(const Attempting&) = delete;

  // nullopt: the lease is void; somebody else has the step or it was given back, and there is nothing to
  // record.
  rt::Task<std::optional<Outcome>> carry_out();

  // For the record: answers not stored yet, and what was evaluated first.
  std::vector<Request> ended;
  std::optional<std::string> input;
  std::optional<Instant> step_now;
  std::optional<std::string> trace;
  bool unanswered = false;  // it ended because nobody had answered

 private:
  // How a plan (an action's, or its lookup's) went: the outputs, or the outcome that ends the attempt.
  using Planned = std::variant<json::value, Outcome>;

  std::optional<Outcome> past_deadline() const;
  // `if`, `forEach`, `with`, and all of a built-in; nullopt: go on with the action.
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
  // -- where writes are left out: shadow runs, and `simulate`
  bool shadows() const;
  bool stands_in(std::string_view text) const;  // or a part of it does
  bool stands_in(const json::value& value) const;
  void stand_in(const std::vector<lang::Expression>& expressions, Values& values) const;
  Outcome shown_at_once(const json::value& outputs) const;
  bool asks_for_word(const HttpRequest& request) const;
  bool cannot_be_shown(const connector::Call& call, const Values& values);
  std::optional<Outcome> not_sent(const connector::Call& call, const HttpRequest& request, Request row);
  bool hangs_on_unknown(const connector::Call& call) const;
  Planned shadowed(const connector::Plan& plan, const Values& values) const;
  rt::Task<Planned> go_through(const connector::Plan* plan, bool looking);
  rt::Task<std::optional<Outcome>> one_call(const connector::Call* call, bool looking);
  // What earlier attempts left of the request: true, it is to be sent; false, it is settled; or the attempt's
  // outcome.
  rt::Task<std::variant<bool, Outcome>> settle_past(const connector::Call* call);
  rt::Task<std::optional<Outcome>> exchange(const connector::Call* call, HttpRequest request, bool looking);
  rt::Task<std::optional<Outcome>> take_turn();
  rt::Task<std::optional<Outcome>> commit(Request* row);
  std::optional<Outcome> outcome_of(const connector::Call& call, const connector::Ending& ending,
                                    bool looking) const;
  engine::EffectRule rule_of(const connector::Call& call) const;
  rt::Task<Values> evaluate(const std::vector<lang::Expression>& expressions);
  std::string name_of(const connector::Call& call) const;
  std::string key_of(const connector::Call& call) const;  // of its effect
  http::Peer peer_of(const connector::Call& call, const Request& row) const;
  Request row_of(const connector::Call& call, const HttpRequest& request, bool looking) const;
  json::value& requests_of(const std::string& call);  // `.requests.<id>`
  void remember_proved(const connector::Call& call, const Request& proved);
  // Of an action that waits: the write's answer where it is proved, and null where no write is made any more.
  bool settled(const connector::Call& call);
  // A lookup found what a request started: its outputs stand for the answer that never came.
  void take_found(const connector::Call& call, const Request& past, json::value outputs);
  // nullopt: what the action started is over, and the step goes on.
  rt::Task<std::optional<Outcome>> look();

  const Parts& parts_;
  connector::Masker& masker_;
  std::shared_ptr<const Rules> rules_;
  std::shared_ptr<const BoundWorkflow> bound_;
  const store::Work& work_;
  Turns turns_;
  std::size_t asked_ = 0;                // requests of this attempt
  std::optional<Duration> send_before_;  // by the steady clock: the request under way, not at all after that
  const Step& row_;
  const BoundStep* step_ = nullptr;
  const connector::Target* target_ = nullptr;
  std::shared_ptr<json::value> context_;  // shared with evaluations under way; changed only between them
  Instant now_{};                         // the step's stored time
  std::optional<json::value> found_;      // a lookup found the effect made before: the action's outputs
  std::string kept_;                      // what the first use with this `key` yielded; "": this is the first
  std::string use_of_;                    // the step's `key`; "": it has none
  std::int64_t generation_ = 0;           // which first use with it this is
  bool updating_ = false;                 // the action's `update` is gone through, not its requests
  bool gone_ = false;                     // what it was to change is no longer there
  Duration not_before_{};                 // what a system asked for before the next look
  bool dry_ = false;                      // a shadow run has left out a write: what follows it is not known
  std::set<std::string, std::less<>> unknown_;  // the requests that were not made for that
  bool void_ = false;                           // the lease is void
};

}  // namespace postlude::pipeline
