#include "rehearsal/wire.h"

#include "connector/kind.h"
#include "rt/loop.h"

namespace postlude::rehearsal {

Ask Sent::shown() const {
  return connector::kind_of(as_sent).shown(as_sent, kSecret, kSecretUrl);
}

namespace {

Sent sent_of(const pipeline::Line& line) {
  Sent sent;
  sent.at = rt::now();
  sent.target = line.target->name;
  sent.attempt = line.attempt.text();
  sent.request = line.request;
  sent.effect = to_text(line.effect);
  sent.workflow = line.workflow;
  sent.step = line.step;
  return sent;
}

bool too_large(const Reply& reply, const connector::Target& target) {
  return connector::kind_of(reply).body_of(reply).size() > target.response_bytes_max;
}

}  // namespace

bool Wire::answers(const Ask& ask, const pipeline::Line& line) {
  if (!answers_) return true;
  Sent sent = sent_of(line);
  sent.number = sent_ + 1;
  sent.as_sent = ask;
  return answers_(sent);
}

rt::Task<Result<Reply>> Wire::carry_out(Ask ask, pipeline::Line line) {
  if (line.may_send && !line.may_send())
    co_return Error(Code::kUnavailable, "it was not to be sent any more");
  Sent sent = sent_of(line);
  sent.number = ++sent_;
  sent.as_sent = std::move(ask);
  ScriptedAnswer answer = responder_(sent);
  const bool late = answer.delay > line.timeout;
  AWAIT_DONE(rt::sleep_for(late ? line.timeout : answer.delay));
  if (!answer.result && answer.result.error().code == Code::kUnavailable) co_return answer.result.error();
  if (late) co_return Error(Code::kUnknown, "no complete answer within " + to_text(line.timeout));
  if (answer.result && too_large(*answer.result, *line.target))
    co_return Error(Code::kUnknown, "the answer is larger than the target allows");
  co_return std::move(answer.result);
}

}  // namespace postlude::rehearsal
