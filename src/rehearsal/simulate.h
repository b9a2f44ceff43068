#pragma once
// Simulate: plays a stored event again with another configuration and the stored answers, and shows the
// differences of the requests. Sends nothing.

#include <string>
#include <vector>

#include "rehearsal/history.h"

namespace postlude::rehearsal {

enum class Change : std::uint8_t {
  kSame = 1,
  kDifferent,
  kNew,      // the run did not exist
  kGone,     // the run would not exist any more
  kSkipped,  // cannot be compared: it has not ended, or people ended it
};
std::string_view name_of(Change change);

struct RunChange {
  std::string workflow;
  std::string run;  // the id of the stored run; "": new
  Change change = Change::kSame;
  std::string diff;                // - stored, + now
  std::vector<std::string> notes;  // requests with unknown answers; why it is gone
};

struct EventChange {
  std::string event;
  std::string what;
  Instant received_at;
  std::string error;  // why it could not be played
  std::vector<RunChange> runs;
  bool differs() const;
};

// `workflow`: "": all.
EventChange simulate(const EventHistory& then, const std::shared_ptr<const pipeline::Rules>& rules,
                     pipeline::Expressions& expressions, const std::string& workflow);

}  // namespace postlude::rehearsal
