// Polls a job that an action started: whether it has ended, and how.

#include "base/check.h"
#include "base/json.h"
#include "connector/call.h"

namespace postlude::connector {

Result<Waiting::Seen> Waiting::judge(const Values& values, const Masker& masker) const {
  CHECK(values.size() == asks_.size());
  TRY(const bool over, as_bool(values.front(), asks_.front()));
  Seen seen;
  if (!over) return seen;
  seen.look = Look::kGreen;
  if (!success_) return seen;
  TRY(const bool green, as_bool(values[1], asks_[1]));
  if (green) return seen;
  seen.look = Look::kRed;
  if (message_) {
    const Result<json::value> message = message_->assemble(Values(values.begin() + 2, values.end()));
    if (message && !message->is_null()) {
      const std::string text =
          message->is_string() ? std::string(view(message->get_string())) : to_text(*message);
      seen.why = one_line(text, masker);
    }
  }
  if (seen.why.empty()) seen.why = "`" + asks_[1].text + "` is false";
  return seen;
}

}  // namespace postlude::connector
