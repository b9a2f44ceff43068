#pragma once
// People: gives the answers of people and other systems to waiting runs of a rehearsal: approvals and
// callbacks.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lang/node.h"
#include "rehearsal/rehearsal.h"

namespace postlude::rehearsal {

struct GivenAnswer {
  lang::Place place;
  std::string workflow;  // "": any
  std::string step;      // its id
  AnswerKind kind = AnswerKind::kApproved;
  std::string by;
  std::string body;  // JSON
  Duration after{};  // approval: time since its step began to wait; callback: time since its run began
};

// Runs a rehearsal until nothing is left to do, and gives answers meanwhile.
class People {
 public:
  People(Rehearsal& rehearsal, std::vector<GivenAnswer> replies);

  // false: stopped by `enough` or `at_most`.
  bool run_until_quiet(const std::function<bool()>& enough, Duration at_most);

  // Errors of answers: refused, or never asked for.
  std::vector<std::string> problems() const;

 private:
  struct Due {
    Instant at;
    std::size_t reply = 0;
    RunId run;
    std::uint32_t step = 0;
  };
  enum class State : std::uint8_t { kOpen, kDue, kGiven };

  bool quiet();
  bool all_given() const;
  void look();
  void look_at(const Run& run);
  void give_what_is_due();

  Rehearsal& rehearsal_;
  const std::vector<GivenAnswer> replies_;
  std::vector<State> states_;
  std::vector<Due> due_;
  std::set<std::int64_t> answered_;  // ids of the steps' rows
  std::vector<std::string> refused_;
  std::optional<std::uint64_t> asked_at_;
  bool quiet_ = false;
};

// All runs of the rehearsal with everything, oldest first; at most 1,000.
std::vector<store::RunBrief> runs_of(Rehearsal& rehearsal);

}  // namespace postlude::rehearsal
