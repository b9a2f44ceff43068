#pragma once
// Compare: what a test expected beside what was seen, as texts that are equal exactly if they agree, and as
// the difference to show.

#include <string>
#include <vector>

#include "rehearsal/test_file.h"

namespace postlude::rehearsal {

struct SeenStep {
  std::string label;  // its id, else its number
  std::string state;
  std::string reason;
};

struct SeenRun {
  std::string workflow;
  std::string state;
  std::string reason;
  std::vector<SeenStep> steps;  // without elements and announcements
};

// A request as people read it, of what went out. `target_url`: the target's, "" where it is a secret.
Message message_of(const std::string& target, std::string_view target_url, const HttpRequest& shown);

// A header that (nearly) all requests have: it need not be expected.
bool is_ordinary(const Header& header);

// "" where all agree.
std::string diff_of_runs(const std::vector<ExpectedRun>& expected, const std::vector<SeenRun>& seen);
std::string diff_of_requests(const std::vector<ExpectedRequest>& expected, const std::vector<Message>& seen);

// As the test file's `expect` has it; bodies with their members in the order of the request.
json::value expectation(const std::vector<SeenRun>& runs, const std::vector<Message>& requests);
json::object value_of(const Message& message);

}  // namespace postlude::rehearsal
