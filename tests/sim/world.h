#pragma once
// World: one seed: the product in virtual time, those who call it, the systems it calls, the people who look
// after it, and what befalls them all.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "rehearsal/rehearsal.h"
#include "sim/check.h"
#include "sim/draw.h"
#include "sim/people.h"
#include "sim/senders.h"
#include "sim/settings.h"
#include "sim/systems.h"
#include "sim/tally.h"

namespace postlude::sim {

class World {
 public:
  World(std::uint64_t seed, Tally& tally, bool verbose);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void play();
  const std::string& broken() const { return broken_; }  // "": nothing; else the invariant and what is wrong
  const std::vector<std::string>& history() const { return history_; }
  static void tell_at_once();  // the history goes to standard output as it happens, for seeds that die

  // -- for its parts
  void breaks(std::string_view invariant, const std::string& what);
  template <class Line>
  void note(Line line) {
    if (verbose_) write(line());
  }
  void query(std::string_view sql, sql::Values values, sql::Visitor visit);
  std::int64_t number(std::string_view sql, sql::Values values = {});
  void use(std::size_t revision);
  Duration steady();
  Instant now();  // as the product believes it

  Draw draw;
  Tally& tally;
  const Setting* setting = nullptr;
  std::shared_ptr<store::Memory> memory;
  std::unique_ptr<rehearsal::Rehearsal> product;
  Check check;
  Systems systems;
  Senders senders;
  People people;
  bool calm = false;  // no faults any more
  // How far the wall clock has been set, in all, as far as a process may have believed it: what is little,
  // and what it found at its start.
  Duration jumped_ahead{}, jumped_back{};

 private:
  struct Lost {  // a lease whose process is dead
    Lease lease;
    std::string title;
  };

  void write(std::string line);
  void draw_faults();
  store::CommitFault fault();
  void pass(Duration d);  // with crashes and what follows from them
  void revive();
  void remember_leases();
  void haunt();      // a dead process comes back and uses its leases
  void something();  // a person acts, a process dies, a clock is set
  void jump();
  void come_to_rest();
  bool all_ended();
  void count_what_was();

  const std::uint64_t seed_;
  const bool verbose_;
  std::string broken_;
  std::vector<std::string> history_;
  std::vector<Lost> lost_;
  unsigned full_ = 0, dies_ = 0;  // per mille of commits
  std::size_t revision_ = 0;
  bool jumps_ = false;
  Duration ahead_unseen_{}, back_unseen_{};  // by no process yet
};

}  // namespace postlude::sim
