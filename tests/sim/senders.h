#pragma once
// Senders: Flagger and all who pretend: rollouts of a few canaries, their calls, the calls' repeats, and what
// nobody should accept.

#include <optional>
#include <string>
#include <vector>

#include "model/http.h"

namespace postlude::sim {

class World;

class Senders {
 public:
  explicit Senders(World& world) : world_(world) {}

  void plan(std::size_t calls, Duration within);  // asks the clock to make them
  std::size_t accepted() const { return accepted_; }

 private:
  struct Call {
    std::string hook = "post-rollout", token, type = "application/json", body;
    int repeats = 0;
  };
  struct Canary {
    std::string name, name_space;
  };

  Call rollout(const Canary& canary);
  Call noise(const Canary& canary);
  void send(Call call);
  void heard(const Call& call, const std::optional<HttpResponse>& answer);

  World& world_;
  std::size_t accepted_ = 0;
};

}  // namespace postlude::sim
