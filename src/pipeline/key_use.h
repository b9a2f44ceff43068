#pragma once
// KeyUse: a step's use of its `key`: what an earlier use made, if there was one, is changed by the action's
// `update`.

#include <string>

#include "pipeline/shadow.h"

namespace postlude::pipeline {

class KeyUse {
 public:
  KeyUse(AttemptState& state, const Shadow& shadow) : state_(state), shadow_(shadow) {}

  // Takes the key. nullopt: go on; also where the step has none.
  rt::Task<std::optional<End>> take();
  // The object of the first use no longer exists, so this use becomes the first. That is on disk before
  // anything is sent for it.
  rt::Task<std::optional<End>> begin_anew();

  const std::string& text() const { return text_; }
  bool first() const { return kept_.empty(); }
  // The first use made something, but its outputs are unknown.
  bool lost() const { return lost_; }
  // Number of times the key was renewed or forgotten.
  std::int64_t generation() const { return generation_; }
  // The outputs of the first use, with what an update has yielded.
  json::value updated(json::value outputs) const;

 private:
  AttemptState& state_;
  const Shadow& shadow_;
  std::string text_;
  std::string kept_;  // JSON outputs of the first use; "": this is the first
  bool lost_ = false;
  std::int64_t generation_ = 0;
};

}  // namespace postlude::pipeline
