#pragma once
// Simulate: plays a stored event again under another configuration, with the answers of then, and says what
// would have been sent otherwise. Sends nothing.

#include <string>
#include <vector>

#include "rehearsal/history.h"

namespace postlude::rehearsal {

enum class Change : std::uint8_t {
  kSame = 1,
  kDifferent,
  kNew,      // the run was not made then
  kGone,     // it would not be made any more
  kSkipped,  // there is nothing to compare with: it has not ended, or people ended it
};
std::string_view name_of(Change change);

struct RunChange {
  std::string workflow;
  std::string run;  // its id then; "": new
  Change change = Change::kSame;
  std::string diff;                // - then, + now
  std::vector<std::string> notes;  // whose answer is not known, why it is gone
};

struct EventChange {
  std::string event;
  std::string what;
  Instant received_at;
  std::string error;  // it could not be played
  std::vector<RunChange> runs;
  bool differs() const;
};

// `workflow`: only this one; "": all.
EventChange simulate(const EventHistory& then, const std::shared_ptr<const pipeline::Rules>& rules,
                     pipeline::Expressions& expressions, const std::string& workflow);

}  // namespace postlude::rehearsal
