#pragma once
// Shadow: shadow runs and `simulate`: what would be sent is shown, and the word "(shadow)" stands for what
// depends on an answer that was never asked for, so that later steps are shown as well.

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/attempt_state.h"

namespace postlude::pipeline {

// The value of everything that depends on a request which a shadow run did not send.
constexpr const char* kShadow = "(shadow)";

class Shadow {
 public:
  explicit Shadow(AttemptState& state) : state_(state) {}

  // Whether some request of this attempt may be left out.
  bool shadows() const;
  // Whether it contains the word.
  bool stands_in(std::string_view text) const;
  bool stands_in(const json::value& value) const;
  // Puts the word for each value that could not be had or is not known for want of an answer.
  void stand_in(const std::vector<lang::Expression>& expressions, Values& values) const;
  // For a wait for people: its outputs at once, but what they would be told is shown first.
  Outcome shown_at_once(const json::value& outputs) const;

  // Whether a request depends on the word, or on a request that was left out: it is not to be sent.
  bool asks_for_word(const Ask& ask) const;
  bool hangs_on_unknown(const connector::Call& call) const;
  // The request cannot even be built, because the word is in a place where the system needs another kind of
  // value.
  bool cannot_be_shown(const connector::Call& call, const Values& values);
  // Shows the request that would have been sent; the results of its answer are unknown.
  void show(const connector::Call& call, const Ask& ask, Request row);
  // It is not even shown.
  void leave_out(const connector::Call& call);
  // Whether a write was left out: later answers are unknown.
  bool left_out() const { return left_out_; }
  // The action's outputs as far as they are known.
  json::value outputs(const connector::Plan& plan, const Values& values) const;

 private:
  AttemptState& state_;
  bool left_out_ = false;
  std::set<std::string, std::less<>> unknown_;  // requests that were not made
};

}  // namespace postlude::pipeline
