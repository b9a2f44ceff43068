#pragma once
// Compare: a test's expectations and what was seen, as texts that are equal exactly if they agree, and the
// difference to show.

#include <string>
#include <vector>

#include "rehearsal/test_file.h"

namespace postlude::rehearsal {

struct SeenStep {
  std::string label;  // its id, or its number
  std::string state;
  std::string reason;
};

struct SeenRun {
  std::string workflow;
  std::string state;
  std::string reason;
  std::vector<SeenStep> steps;  // without elements and announcements
};

// The form in which people read a request that was sent. `target_url`: "" if the target's URL is a secret.
Message message_of(const std::string& target, std::string_view target_url, const Ask& shown);

// Whether (nearly) all requests have this header, so that tests need not expect it.
bool is_ordinary(const Header& header);

// "" if they agree.
std::string diff_of_runs(const std::vector<ExpectedRun>& expected, const std::vector<SeenRun>& seen);
std::string diff_of_requests(const std::vector<ExpectedRequest>& expected, const std::vector<Message>& seen);

// In the form of a test file's `expect`; members of bodies in the order of the request.
json::value expectation(const std::vector<SeenRun>& runs, const std::vector<Message>& requests);
json::object value_of(const Message& message);

}  // namespace postlude::rehearsal
