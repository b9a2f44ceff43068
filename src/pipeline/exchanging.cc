#include "pipeline/exchanging.h"

#include <algorithm>

#include "base/text.h"
#include "pipeline/context.h"
#include "pipeline/edges.h"

namespace postlude::pipeline {

namespace {

constexpr std::size_t kStoredBodyMax = 64U << 10U;
constexpr std::size_t kStoredUrlMax = 8U << 10U;
// A later attempt that continues after a write may need its answer.
constexpr std::size_t kStoredProofMax = 1U << 20U;
// To read, write and mask more takes longer than others should wait.
constexpr std::size_t kReadHereMax = 64U << 10U;

std::string headers_json(const Headers& headers) {
  json::object object;
  for (const Header& h : headers.list)
    object[h.name] = h.value;
  return json::serialize(object);
}

// Hidden first and then cut: part of a secret is no longer known as one, nor is a cut document as JSON.
std::string stored_body(std::string_view body, std::size_t most, const connector::Action& action,
                        const connector::Masker& masker) {
  return shortened(masker.mask_json(action.redact(body)), most, kCutMark);
}

// Sets `.response`, and returns it as it is stored: the same members, long bodies cut.
Stored shown(json::value& context, const Reply& reply, std::size_t most, const connector::Action& action,
             const connector::Masker& masker) {
  const connector::Kind& kind = connector::kind_of(reply);
  json::value& response = context.as_object()["response"];
  response = kind.context_of(reply, response.storage());
  const std::string_view body = kind.body_of(reply);
  if (body.size() <= most) return {masker.mask_json(action.redact(json::serialize(response))), false};
  const Reply shorter = kind.with_body(reply, stored_body(body, most, action, masker));
  return {masker.mask_json(action.redact(json::serialize(kind.context_of(shorter, {})))), true};
}

// What the answer in the context means. If it is a success, `.requests.<id>` has it from then on.
connector::Ending judged(json::value& context, const connector::Call& call, const Answered& came,
                         const Values& values, Instant now, const connector::Masker& masker) {
  connector::Ending ending = call.interpret(came.ask, came.reply, values, now, masker);
  if (ending.result == RequestResult::kSucceeded || ending.result == RequestResult::kExists) {
    json::object& all = context.as_object();
    json::object& exchanged = all["requests"].as_object()[call.id()].emplace_object();
    exchanged["request"] = connector::kind_of(came.reply).context_of(came.ask, exchanged.storage());
    exchanged["response"] = all.at("response");
  }
  return ending;
}

kube::Access played_access() {
  kube::Access access;
  access.server = connector::kClusterUrl;
  access.token = "***";
  return access;
}

// Nothing was sent. What somebody has to mend is refused.
End unreachable(const Error& error) {
  if (error.code == Code::kUnavailable) return Retryable{error.message, std::nullopt, true};
  return Refused{error.message};
}

}  // namespace

// A claim that only ends a step took none.
Exchanging::~Exchanging() {
  if (asked_ > 0 || state_.work.overdue) return;
  const connector::Target* target = state_.rules->target(state_.row.target);
  if (target != nullptr && target->limits.rate) turns_.rates.give_back(target->name, 1);
}

rt::Task<std::optional<End>> Exchanging::carry_out(const connector::Call* call, Calls calls, Ask ask,
                                                   std::optional<Duration> send_before) {
  // An action of many requests may take long.
  if (auto over = state_.past_deadline()) co_return *std::move(over);
  Request row = row_of(*call, calls, ask);
  const bool reads = row.effect == Effect::kRead;
  if (reads ? shadow_.asks_for_word(ask) : state_.work.run.shadow) {
    shadow_.show(*call, ask, std::move(row));
    co_return std::nullopt;
  }
  AWAIT(std::optional<Outcome> not_now, take_turn());
  if (not_now) co_return *std::move(not_now);
  AWAIT(auto cluster, reach());
  if (!cluster) co_return unreachable(cluster.error());
  auto to_send = authorised(*call, ask, cluster->get());
  if (!to_send) co_return Refused{to_send.error().message};
  Line line = line_of(*call, calls, row);
  line.cluster = *std::move(cluster);
  if (!state_.parts.edge.answers(*to_send, line)) {
    shadow_.show(*call, ask, std::move(row));
    co_return std::nullopt;
  }

  if (!reads) {
    AWAIT(std::optional<End> stopped, commit(&row, calls));
    if (stopped) co_return stopped;
  } else {
    row.sent_at = rt::now();
  }

  // Waiting for a turn and for the commit takes time, in which the window of a key can close.
  if (send_before) line.may_send = [until = *send_before] { return rt::steady_now() < until; };
  AWAIT(Result<Reply> reply, state_.parts.edge.carry_out(std::move(*to_send), std::move(line)));
  row.ended_at = rt::now();
  connector::Ending ending;
  if (reply) {
    auto came = std::make_shared<const Answered>(Answered{std::move(ask), *std::move(reply)});
    AWAIT(ending, judge(call, std::move(came), &row));
  } else {
    ending = call->interpret(ask, reply.error(), state_.masker);
  }
  note_refused(row);
  row.result = ending.result;
  row.why = bounded(state_.masker.mask(ending.why));
  std::optional<End> end = end_of(*call, calls, row, ending);
  state_.end.requests.push_back(std::move(row));
  co_return end;
}

Request Exchanging::row_of(const connector::Call& call, Calls calls, const Ask& ask) const {
  const connector::Action& action = *state_.step->action;
  const connector::Masker& masker = state_.masker;
  const connector::AskText text = call.kind().text_of(ask);
  Request row;
  row.attempt = state_.work.lease.attempt;
  row.name = PastEffects::name_of(call, calls);
  row.effect = calls == Calls::kLookup ? Effect::kRead : call.effect();
  if (row.effect != Effect::kRead) row.key = view(state_.seen().at("key").as_string());
  row.method = text.verb;
  row.url = shortened(masker.mask(text.whole_place()), kStoredUrlMax, kCutMark);
  row.headers = masker.mask_json(action.redact(headers_json(text.headers)));
  row.body = stored_body(text.body, kStoredBodyMax, action, masker);
  return row;
}

Line Exchanging::line_of(const connector::Call& call, Calls calls, const Request& row) const {
  Line line;
  line.target = state_.target;
  line.fresh = row.effect == Effect::kNone || row.effect == Effect::kLookup;
  line.timeout = past_.rule_of(call, calls).timeout;
  line.attempt = row.attempt;
  line.request = row.name;
  line.effect = row.effect;
  line.workflow = state_.work.run.workflow;
  line.step = state_.row.name;
  return line;
}

// Waits until the target's rate has room for one more request. Nothing of it has been committed yet, so that
// nothing is in doubt meanwhile.
rt::Task<std::optional<Outcome>> Exchanging::take_turn() {
  const connector::Target& target = *state_.target;
  if (asked_++ == 0 || !target.limits.rate) co_return std::nullopt;
  const Duration now = rt::steady_now();
  const Duration until = now + turns_.rates.reserve(target.name, *target.limits.rate, now);
  while (rt::steady_now() < until) {
    std::optional<Outcome> over = state_.past_deadline();
    if (turns_.stopping()) over = Retryable{"shutting down", Duration(0), false, true};
    if (over) {
      turns_.rates.give_back(target.name, 1);
      co_return over;
    }
    AWAIT_DONE(rt::sleep_for(std::min<Duration>(until - rt::steady_now(), std::chrono::milliseconds(500))));
  }
  co_return std::nullopt;
}

rt::Task<Result<std::shared_ptr<const kube::Access>>> Exchanging::reach() {
  if (!connector::of_cluster(state_.target->auth)) co_return std::shared_ptr<const kube::Access>();
  if (state_.parts.clusters == nullptr) co_return std::make_shared<const kube::Access>(played_access());
  AWAIT(auto access, state_.parts.clusters->reach(cluster_of(state_.target->auth)));
  if (!access) {
    co_return Error(access.error().code,
                    "target '" + state_.target->name + "': " + state_.masker.mask(access.error().message));
  }
  co_return std::make_shared<const kube::Access>(*std::move(access));
}

// Next time they are read, or asked for, anew.
void Exchanging::note_refused(const Request& row) const {
  if (row.status == 401 && state_.parts.clusters != nullptr && connector::of_cluster(state_.target->auth))
    state_.parts.clusters->refused(cluster_of(state_.target->auth));
}

// A repeat is signed anew: signatures tell the time.
Result<Ask> Exchanging::authorised(const connector::Call& call, const Ask& ask, const kube::Access* cluster) {
  connector::Credentials with;
  with.now = rt::now();
  with.rehearsed = state_.parts.edge.rehearses();
  if (cluster != nullptr) {
    connector::Target reached = *state_.target;
    reached.url = cluster->server;
    if (!cluster->token.empty()) state_.masker.learn(*state_.target, SecretRef(), cluster->token);
    with.secrets = [&](const SecretRef&) -> Result<std::string> { return cluster->token; };
    return call.authorise(ask, reached, with);
  }
  with.secrets = [this](const SecretRef& ref) {
    auto secret = state_.parts.secrets(ref);
    if (secret) state_.masker.learn(*state_.target, ref, *secret);  // it may have changed a moment ago
    return secret;
  };
  return call.authorise(ask, *state_.target, with);
}

rt::Task<std::optional<End>> Exchanging::commit(Request* row, Calls calls) {
  store::AttemptEnd& end = state_.end;
  std::int64_t seen = 0;
  for (const Request& request : state_.work.before)
    seen = request.of_other_run ? std::max(seen, request.id) : seen;
  store::Store::NewRequest wanted{
      end.lease, *row, end.requests, end.input, end.step_now, end.trace, calls == Calls::kUpdate, seen};
  AWAIT(Result<Request> committed, state_.parts.store.commit_request(std::move(wanted)));
  if (committed) {
    *row = std::move(*committed);
    end.requests.clear();
    end.input.reset();
    end.step_now.reset();
    end.trace.reset();
    co_return std::nullopt;
  }
  switch (committed.error().code) {
    case Code::kConflict:
      co_return Void();
    case Code::kDenied:
      co_return Skipped{"superseded: a newer release of this canary has done this step",
                        Because::kSuperseded};
    case Code::kUnavailable:
      co_return Retryable{committed.error().message, std::chrono::seconds(1), false, true};
    case Code::kInvalid:
    case Code::kNotFound:
    case Code::kOverloaded:
    case Code::kUnknown:
    case Code::kCorrupt:
    case Code::kCancelled:
      break;
  }
  // Nothing was sent. The attempt's outcome records the earlier answers.
  co_return Retryable{"the store did not take the request: " + committed.error().message, std::nullopt,
                      false};
}

// Sets `.response`, also in the row, and if it went well `.requests.<id>`.
rt::Task<connector::Ending> Exchanging::judge(const connector::Call* call,
                                              std::shared_ptr<const Answered> came, Request* row) {
  const connector::Kind& kind = connector::kind_of(came->reply);
  state_.large = state_.large || kind.body_of(came->reply).size() > kReadHereMax;
  row->status = kind.plain_end(came->reply, rt::now()).status;
  AWAIT(Stored stored, show(came, row->effect == Effect::kRead ? kStoredBodyMax : kStoredProofMax));
  row->response = std::move(stored.response);
  row->cut = stored.cut;
  AWAIT(Values values, state_.evaluate(call->after()));
  AWAIT(connector::Ending ending, interpret(call, came, std::move(values)));
  const bool well = ending.result == RequestResult::kSucceeded || ending.result == RequestResult::kExists;
  // With a 202 as well as with a 429.
  if (well && state_.step->action->waiting() != nullptr)
    not_before_ = std::max(not_before_, kind.retry_after(came->reply, rt::now()).value_or(Duration(0)));
  co_return ending;
}

// Whatever is done beside the loop owns what it uses: the attempt may end before it does.
rt::Task<Stored> Exchanging::show(std::shared_ptr<const Answered> came, std::size_t most) {
  if (!state_.large) co_return shown(*state_.context, came->reply, most, *state_.step->action, state_.masker);
  std::function<Stored()> work = [context = state_.context, came, most, action = state_.step->action,
                                  masker = state_.masker] {
    return shown(*context, came->reply, most, *action, masker);
  };
  AWAIT(Stored stored, state_.aside.compute(std::move(work)));
  co_return stored;
}

rt::Task<connector::Ending> Exchanging::interpret(const connector::Call* call,
                                                  std::shared_ptr<const Answered> came, Values values) {
  const Instant now = rt::now();
  if (!state_.large) co_return judged(*state_.context, *call, *came, values, now, state_.masker);
  const std::shared_ptr<const connector::Call> kept(state_.step->action, call);
  std::function<connector::Ending()> work = [context = state_.context, kept, came, values = std::move(values),
                                             now, masker = state_.masker] {
    return judged(*context, *kept, *came, values, now, masker);
  };
  AWAIT(connector::Ending ending, state_.aside.compute(std::move(work)));
  co_return ending;
}

std::optional<End> Exchanging::end_of(const connector::Call& call, Calls calls, const Request& row,
                                      const connector::Ending& ending) const {
  const std::string why = state_.masker.mask(ending.why);
  switch (ending.result) {
    case RequestResult::kSucceeded:
    case RequestResult::kExists:
    case RequestResult::kShadow:
      return std::nullopt;
    case RequestResult::kRefused:
      if (ending.gone && calls == Calls::kUpdate) return Gone();
      return Refused{why};
    case RequestResult::kRetryable:
      return Retryable{why, ending.retry_after, ending.counts_for_breaker};
    case RequestResult::kOpen:
    case RequestResult::kUnclear:
      break;
  }
  const engine::EffectRule rule = past_.rule_of(call, calls);
  Unclear out{why, calls == Calls::kLookup ? Effect::kRead : rule.effect, rule.on_unclear};
  out.answered = ending.answered;
  out.misread = ending.misread;
  if (calls != Calls::kLookup && row.status == 0 && row.response.empty())
    out.cause = PastEffects::no_answer(row);
  return out;
}

}  // namespace postlude::pipeline
