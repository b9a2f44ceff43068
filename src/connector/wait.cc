// Polls a job that an action started: whether it has ended, and how.

#include "base/check.h"
#include "base/json.h"
#include "connector/call.h"

namespace postlude::connector {

Result<Waiting::JobStatus> Waiting::judge(const Values& values, const Masker& masker) const {
  CHECK(values.size() == asks_.size());
  TRY(const bool over, as_bool(values.front(), asks_.front()));
  JobStatus status;
  if (!over) return status;
  status.state = JobState::kSucceeded;
  if (!success_) return status;
  TRY(const bool succeeded, as_bool(values[1], asks_[1]));
  if (succeeded) return status;
  status.state = JobState::kFailed;
  if (message_) {
    const Result<json::value> message = message_->assemble(Values(values.begin() + 2, values.end()));
    if (message && !message->is_null()) {
      const std::string text =
          message->is_string() ? std::string(view(message->get_string())) : to_text(*message);
      status.why = one_line(text, masker);
    }
  }
  if (status.why.empty()) status.why = "`" + asks_[1].text + "` is false";
  return status;
}

}  // namespace postlude::connector
