#include "pipeline/attempt.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "connector/retry_after.h"

namespace postlude::pipeline {

namespace {

constexpr std::size_t kStoredBodyMax = 64U << 10U;
constexpr std::size_t kStoredUrlMax = 8U << 10U;
// A later attempt that continues after a write may need its answer.
constexpr std::size_t kStoredProofMax = 1U << 20U;
constexpr Duration kLookAgain = std::chrono::seconds(1);

std::string headers_json(const Headers& headers) {
  json::object object;
  for (const Header& h : headers.list)
    object[h.name] = h.value;
  return json::serialize(object);
}

// Hidden first and then cut: part of a secret is no longer known as one, nor is a cut document as JSON.
std::string stored_body(const std::string& body, std::size_t most, const connector::Action& action,
                        const connector::Masker& masker) {
  return shortened(masker.mask_json(action.redact(body)), most, kCutMark);
}

// Puts `.response` into the row as it is stored: the same members, long bodies cut.
void store_response(Request& row, const json::value& shown, const HttpResponse& response,
                    const connector::Action& action, const connector::Masker& masker) {
  const std::size_t most = row.effect == Effect::kRead ? kStoredBodyMax : kStoredProofMax;
  row.cut = response.body.size() > most;
  if (!row.cut) {
    row.response = masker.mask_json(action.redact(json::serialize(shown)));
    return;
  }
  HttpResponse shorter = response;
  shorter.body = stored_body(response.body, most, action, masker);
  row.response = masker.mask_json(action.redact(json::serialize(connector::response_context(shorter))));
}

// A look-up that failed says nothing: never "not there". What the system asked for counts, as of any request.
Outcome look_failed(const std::string& what, Outcome outcome) {
  const std::string why = what + std::string(why_of(outcome));
  if (auto* later = std::get_if<Retryable>(&outcome)) {
    later->why = why;
    return outcome;
  }
  return Unclear{why, Effect::kLookup, OnUnclear::kHold, kLookAgain};
}

// What requests without an answer are grouped by: what cut them off does not matter to whoever has to look.
std::string no_answer(const Request& request) {
  return "no answer to " + request.method + " " + request.url;
}

// Each look comes after twice the time of the one before, and one just when "not there" begins to count.
Duration next_look(Instant now, const engine::NextMove& next) {
  const Instant since = next.past->ended_at.value_or(next.past->sent_at.value_or(now));
  const Duration pause = std::max<Duration>(now - since, kLookAgain);
  return std::min<Duration>(pause, next.at - now);
}

}  // namespace

Attempting::Attempting(const Parts& parts, connector::Masker& masker, std::shared_ptr<const Rules> rules,
                       std::shared_ptr<const BoundWorkflow> bound, const store::Work& work, Turns turns)
    : parts_(parts),
      masker_(masker),
      rules_(std::move(rules)),
      bound_(std::move(bound)),
      work_(work),
      turns_(turns),
      row_(work.run.steps[work.step]) {
  CHECK(row_.definition < bound_->steps.size());
  step_ = &bound_->steps[row_.definition];
  const auto notify = step_->teams.find(work_.event->team);
  if (notify != step_->teams.end()) step_ = notify->second.get();
  context_ = std::make_shared<json::value>(step_context(work_, *bound_, *rules_, parts_.store.secret()));
  now_ = row_.now.value_or(rt::now());
  if (!row_.now) step_now = now_;
}

// An attempt that sent no request returns the rate token of its claim. A claim that only ends a step took
// none.
Attempting::~Attempting() {
  const connector::Target* target = asked_ > 0 || work_.overdue ? nullptr : rules_->target(row_.target);
  if (target != nullptr && target->limits.rate) turns_.rates.give_back(target->name, 1);
}

rt::Task<Values> Attempting::evaluate(const std::vector<lang::Expression>& expressions) {
  std::shared_ptr<const json::value> context = context_;
  AWAIT(Values values, parts_.expressions.evaluate(expressions, std::move(context), now_));
  co_return values;
}

std::optional<Outcome> Attempting::past_deadline() const {
  // Time that is waited for people counts for no limit but its own.
  if (!work_.run.deadline_at || work_.run.people_since || rt::now() < *work_.run.deadline_at)
    return std::nullopt;
  return Refused{"the run's timeout (" + to_text(bound_->workflow->timeout) + ") is over"};
}

rt::Task<std::optional<Outcome>> Attempting::carry_out() {
  if (!work_.answer) {  // what was accepted reaches its step, whatever time it is
    if (auto over = past_deadline()) {
      unanswered = row_.target.empty();
      co_return over;
    }
  }
  AWAIT(std::optional<Outcome> early, begin());
  if (early) co_return early;
  if (void_) co_return std::nullopt;

  updating_ = !kept_.empty();
  AWAIT(PlanResult planned, go_through(updating_ ? step_->action->update() : &step_->action->plan(), false));
  if (gone_ && !void_) {
    AWAIT(std::optional<Outcome> not_now, begin_anew());
    if (not_now) co_return not_now;
    if (!void_) {
      AWAIT(planned, go_through(&step_->action->plan(), false));
    }
  }
  if (void_) co_return std::nullopt;
  if (auto* outcome = std::get_if<Outcome>(&planned)) co_return std::move(*outcome);
  json::value& outputs = std::get<json::value>(planned);
  if (updating_) {  // what an update does not yield is as the first use left it
    json::value kept = parsed(kept_, nullptr);
    if (kept.is_object()) {
      if (outputs.is_object()) {
        for (const auto& member : outputs.get_object())
          kept.as_object()[member.key()] = member.value();
      }
      outputs = std::move(kept);
    }
  }
  co_return Succeeded{to_text(outputs)};
}

rt::Task<Attempting::PlanResult> Attempting::go_through(const connector::Plan* plan, bool looking) {
  for (const connector::Call& call : plan->calls()) {
    AWAIT(std::optional<Outcome> outcome, one_call(&call, looking));
    if (void_) co_return Outcome(Refused{"the lease is void"});
    if (outcome) co_return std::move(*outcome);
    if (found_ && !looking) co_return std::move(*found_);
  }
  if (!looking && !dry_ && step_->action->waiting() != nullptr) {
    AWAIT(std::optional<Outcome> not_yet, look());
    if (not_yet) co_return *std::move(not_yet);
  }
  AWAIT(Values values, evaluate(plan->result()));
  if (auto not_now = later(values)) co_return *std::move(not_now);
  if (dry_) co_return shadowed(*plan, values);
  auto outputs = plan->outputs(values);
  if (!outputs) co_return Outcome(Refused{"outputs: " + outputs.error().message});
  co_return std::move(*outputs);
}

engine::EffectRule Attempting::rule_of(const connector::Call& call) const {
  engine::EffectRule rule;
  rule.effect = call.effect();
  rule.on_unclear = step_->definition->on_unclear.value_or(call.on_unclear());
  rule.key_window = call.key_window().value_or(Duration(0));
  rule.lookup_after = call.lookup_after();
  rule.has_lookup = !updating_ && step_->action->lookup() != nullptr;  // it finds what the first use made
  rule.timeout = step_->definition->timeout.value_or(target_->timeout);
  return rule;
}

// By what earlier attempts and the effect's key know the request.
std::string Attempting::name_of(const connector::Call& call) const {
  return updating_ ? "update." + call.id() : call.id();
}

std::string Attempting::key_of(const connector::Call& call) const {
  std::string name = name_of(call);
  if (generation_ > 0) name += "#" + std::to_string(generation_ + 1);
  return engine::idempotency_key(parts_.store.secret(), work_.event->nonce + work_.run.salt,
                                 work_.run.workflow, engine::effect_part(row_), "", name);
}

json::value& Attempting::requests_of(const std::string& call) {
  return context_->as_object()["requests"].as_object()[call];
}

void Attempting::remember_proved(const connector::Call& call, const Request& proved) {
  json::object request{{"method", proved.method}, {"url", proved.url}};
  json::object headers;  // as request_context() has them
  const json::value stored = parsed(proved.headers, json::object());
  if (stored.is_object()) {
    for (const auto& header : stored.get_object())
      headers[lower(std::string_view(header.key()))] = header.value();
  }
  request["headers"] = std::move(headers);
  request["body"] = parsed(proved.body, proved.body.empty() ? json::value() : json::value(proved.body));
  requests_of(call.id()) =
      json::object{{"request", std::move(request)}, {"response", parsed(proved.response, nullptr)}};
}

bool Attempting::settled(const connector::Call& call) {
  if (step_->action->waiting() == nullptr || call.effect() == Effect::kRead) return false;
  const engine::NextMove next = engine::next_move(rule_of(call), work_.before, key_of(call), rt::now());
  if (next.move == engine::Move::kReuse) {
    remember_proved(call, *next.past);
    return true;
  }
  if (!row_.over_by) return false;
  // Its `if` was false before the wait began. Later polls do not start it.
  requests_of(call.id()) = nullptr;
  return true;
}

rt::Task<std::optional<Outcome>> Attempting::look() {
  const connector::Waiting& waiting = *step_->action->waiting();
  AWAIT(Values values, evaluate(waiting.asks()));
  if (auto not_now = later(values)) co_return not_now;
  const auto status = waiting.judge(values, masker_);
  if (!status) co_return Refused{status.error().message};
  const engine::StepDefinition& definition = *step_->definition;
  switch (status->state) {
    case connector::Waiting::JobState::kSucceeded:
      co_return std::nullopt;
    case connector::Waiting::JobState::kFailed:
      if (definition.any_result) co_return std::nullopt;
      co_return Refused{"the job failed: " + status->why, Because::kJobFailed};
    case connector::Waiting::JobState::kRunning:
      break;
  }
  const Instant now = rt::now();
  const Duration timeout = definition.wait.timeout.value_or(engine::kWaitTimeout);
  const Instant over_by = row_.over_by.value_or(now + timeout);
  if (over_by <= now)
    co_return Refused{"the job did not end within " + to_text(timeout), Because::kJobNotEnded};
  const Duration every = definition.wait.every.value_or(waiting.every());
  co_return Waits{std::min(over_by, now + std::max(every, not_before_)),
                  "the job is still running: polls every " + to_text(every) + ", for " + to_text(timeout),
                  false, over_by};
}

rt::Task<std::optional<Outcome>> Attempting::one_call(const connector::Call* call, bool looking) {
  if (!looking && settled(*call)) co_return std::nullopt;
  json::object& context = context_->as_object();
  context["response"] = nullptr;
  if (!looking) {  // a lookup searches for the key of the request in doubt
    context["key"] = key_of(*call);
  }
  if (call->effect() == Effect::kRead && hangs_on_unknown(*call)) {
    unknown_.insert(call->id());
    requests_of(call->id()) = nullptr;
    co_return std::nullopt;
  }
  AWAIT(Values values, evaluate(call->before()));
  if (auto not_now = later(values)) co_return not_now;
  stand_in(call->before(), values);
  auto prepared = call->prepare(*target_, values);
  if (!prepared && cannot_be_shown(*call, values)) co_return std::nullopt;
  if (!prepared) co_return Refused{prepared.error().message};
  if (prepared->skipped) {
    requests_of(call->id()) = nullptr;
    co_return std::nullopt;
  }
  send_before_.reset();
  if (!looking && call->effect() != Effect::kRead) {
    AWAIT(auto to_send, settle_past(call));
    if (auto* outcome = std::get_if<Outcome>(&to_send)) co_return std::move(*outcome);
    if (!std::get<bool>(to_send)) co_return std::nullopt;
  }
  AWAIT(std::optional<Outcome> outcome, exchange(call, std::move(prepared->request), looking));
  co_return outcome;
}

rt::Task<std::variant<bool, Outcome>> Attempting::settle_past(const connector::Call* call) {
  const engine::EffectRule rule = rule_of(*call);
  const Instant now = rt::now();
  const engine::NextMove next = engine::next_move(rule, work_.before, key_of(*call), now);
  if (next.move == engine::Move::kSend && next.before) send_before_ = rt::steady_now() + (*next.before - now);
  const std::string what = next.past == nullptr ? "" : next.past->method + " " + next.past->url;
  const bool theirs = next.past != nullptr && next.past->of_other_run;
  if (theirs && next.past->result == RequestResult::kOpen)
    co_return Outcome(
        Retryable{"another run of this event is sending " + what, std::chrono::seconds(1), false, true});
  const bool known = theirs && next.past->result != RequestResult::kUnclear;
  const std::string met = known ? "another run of this event has already sent " + what
                                : "it is unclear whether " + what + " had its effect";
  // As outcome_of() calls it: the process may have been another when it was sent.
  std::string cause;
  if (next.past != nullptr && !known) cause = next.past->status == 0 ? no_answer(*next.past) : next.past->why;
  switch (next.move) {
    case engine::Move::kSend:
      co_return true;
    case engine::Move::kReuse:
      remember_proved(*call, *next.past);
      co_return false;
    case engine::Move::kHold:
      co_return Outcome(Held{met, cause});
    case engine::Move::kFail:
      // The first attempt after `runs retry`: whoever asked for it can say what became of the request.
      if (row_.attempts == 1 && row_.unclear) co_return Outcome(Held{met, cause});
      co_return Outcome(Unclear{met, Effect::kNone, OnUnclear::kFail, {}, false, false, false, cause});
    case engine::Move::kLook: {
      CHECK(step_->action->lookup() != nullptr);
      const json::value requests = context_->as_object()["requests"];
      AWAIT(PlanResult looked, go_through(step_->action->lookup(), true));
      context_->as_object()["requests"] = requests;
      if (void_) co_return Outcome(Refused{"the lease is void"});
      if (auto* outcome = std::get_if<Outcome>(&looked))
        co_return look_failed("the lookup for " + what + " failed: ", std::move(*outcome));
      json::value& outputs = std::get<json::value>(looked);
      if (outputs.is_null()) {
        if (now >= next.at) co_return true;
        co_return Outcome(Unclear{met + "; the lookup found nothing, which is conclusive only from " +
                                      to_rfc3339(next.at) + " on: the lookup is repeated",
                                  Effect::kLookup, rule.on_unclear, next_look(now, next), true});
      }
      if (step_->action->waiting() != nullptr) {
        take_found(*call, *next.past, std::move(outputs));
      } else {
        found_ = std::move(outputs);
      }
      co_return false;
    }
  }
  co_return true;
}

void Attempting::take_found(const connector::Call& call, const Request& past, json::value outputs) {
  Request row = past;
  row.id = 0;
  row.of_other_run = false;
  row.sent_at = std::nullopt;
  row.ended_at = rt::now();
  row.result = RequestResult::kExists;
  row.status = 0;
  row.why = "found by looking for it";
  row.response = masker_.mask_json(json::serialize(json::object{
      {"status", nullptr}, {"headers", json::object()}, {"body", std::move(outputs)}, {"text", ""}}));
  remember_proved(call, row);
  ended.push_back(std::move(row));  // proved from here on: no later look at an index says otherwise
}

Request Attempting::row_of(const connector::Call& call, const HttpRequest& request, bool looking) const {
  Request row;
  row.attempt = work_.lease.attempt;
  row.name = looking ? "lookup." + call.id() : name_of(call);
  row.effect = looking ? Effect::kRead : call.effect();
  if (row.effect != Effect::kRead) row.key = view(context_->as_object().at("key").as_string());
  row.method = request.method;
  row.url = shortened(masker_.mask(request.target), kStoredUrlMax, kCutMark);
  row.headers = masker_.mask_json(step_->action->redact(headers_json(request.headers)));
  row.body = stored_body(request.body, kStoredBodyMax, *step_->action, masker_);
  return row;
}

rt::Task<std::optional<Outcome>> Attempting::commit(Request* row) {
  std::int64_t seen = 0;
  for (const Request& request : work_.before)
    seen = request.of_other_run ? std::max(seen, request.id) : seen;
  store::Store::NewRequest wanted{work_.lease, *row, ended, input, step_now, trace, updating_, seen};
  AWAIT(Result<Request> committed, parts_.store.commit_request(std::move(wanted)));
  if (committed) {
    *row = std::move(*committed);
    ended.clear();
    input.reset();
    step_now.reset();
    trace.reset();
    co_return std::nullopt;
  }
  switch (committed.error().code) {
    case Code::kConflict:
      void_ = true;
      co_return Refused{"the lease is void"};
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

// Waits until the target's rate has room for one more request. Nothing of it has been committed yet, so that
// nothing is in doubt meanwhile.
rt::Task<std::optional<Outcome>> Attempting::take_turn() {
  if (asked_++ == 0 || !target_->limits.rate) co_return std::nullopt;
  const Duration now = rt::steady_now();
  const Duration until = now + turns_.rates.reserve(target_->name, *target_->limits.rate, now);
  while (rt::steady_now() < until) {
    std::optional<Outcome> over = past_deadline();
    if (turns_.stopping) over = Retryable{"shutting down", Duration(0), false, true};
    if (over) {
      turns_.rates.give_back(target_->name, 1);
      co_return over;
    }
    AWAIT_DONE(rt::sleep_for(std::min<Duration>(until - rt::steady_now(), std::chrono::milliseconds(500))));
  }
  co_return std::nullopt;
}

http::Peer Attempting::peer_of(const connector::Call& call, const Request& row) const {
  http::Peer peer;
  peer.pool = target_->name;
  peer.pool_max = target_->limits.concurrency;
  peer.about = row.attempt.text() + " " + row.name + " " + std::string(to_text(row.effect)) + " " +
               work_.run.workflow + (row_.name.empty() ? "" : " " + row_.name);
  peer.fresh = row.effect == Effect::kNone || row.effect == Effect::kLookup;
  peer.ca_file = target_->ca_file;
  peer.cert_file = target_->cert_file;
  peer.key_file = target_->key_file;
  peer.timeout = rule_of(call).timeout;
  peer.response_bytes_max = target_->response_bytes_max;
  return peer;
}

rt::Task<std::optional<Outcome>> Attempting::exchange(const connector::Call* call, HttpRequest request,
                                                      bool looking) {
  if (auto over = past_deadline()) co_return over;  // an action of many requests may take long
  Request row = row_of(*call, request, looking);
  if (work_.run.shadow && row.effect != Effect::kRead) co_return not_sent(*call, request, std::move(row));
  if (row.effect == Effect::kRead && asks_for_word(request))
    co_return not_sent(*call, request, std::move(row));
  AWAIT(std::optional<Outcome> not_now, take_turn());
  if (not_now) co_return not_now;
  auto authorised = connector::authorise(request, *target_, [this](const SecretRef& ref) {
    auto secret = parts_.secrets(ref);
    if (secret) masker_.learn(*target_, *secret);  // it may have changed a moment ago
    return secret;
  });
  if (!authorised) co_return Refused{authorised.error().message};
  http::Peer peer = peer_of(*call, row);
  peer.proxy = connector::proxy_for(*target_, authorised->target);
  if (!parts_.client.answers(*authorised, peer)) co_return not_sent(*call, request, std::move(row));

  if (row.effect != Effect::kRead) {
    AWAIT(std::optional<Outcome> stopped, commit(&row));
    if (stopped) co_return stopped;
  } else {
    row.sent_at = rt::now();
  }

  // Waiting for a turn and for the commit takes time, in which the window of a key can close.
  std::function<bool()> may_send;
  if (send_before_) may_send = [until = *send_before_] { return rt::steady_now() < until; };
  AWAIT(Result<HttpResponse> answer, parts_.client.send(std::move(*authorised), peer, std::move(may_send)));
  row.ended_at = rt::now();

  Values values;
  if (answer) {
    json::value& shown = context_->as_object()["response"];
    shown = connector::response_context(*answer, shown.storage());
    AWAIT(values, evaluate(call->after()));
    row.status = answer->status;
    store_response(row, context_->as_object().at("response"), *answer, *step_->action, masker_);
  }
  const connector::Ending ending = call->interpret(request, answer, values, rt::now(), masker_);
  gone_ = ending.gone;
  row.result = ending.result;
  row.why = bounded(masker_.mask(ending.why));
  ended.push_back(std::move(row));
  if (ending.result == RequestResult::kSucceeded || ending.result == RequestResult::kExists) {
    json::object& exchanged = requests_of(call->id()).emplace_object();
    exchanged["request"] = connector::request_context(request, exchanged.storage());
    exchanged["response"] = context_->as_object().at("response");
    // With a 202 as well as with a 429.
    if (step_->action->waiting() != nullptr)
      not_before_ = std::max(not_before_, connector::retry_after(*answer, rt::now()).value_or(Duration(0)));
  }
  co_return outcome_of(*call, ending, looking);
}

std::optional<Outcome> Attempting::outcome_of(const connector::Call& call, const connector::Ending& ending,
                                              bool looking) const {
  const engine::EffectRule rule = rule_of(call);
  const std::string why = masker_.mask(ending.why);
  switch (ending.result) {
    case RequestResult::kSucceeded:
    case RequestResult::kExists:
    case RequestResult::kShadow:
      return std::nullopt;
    case RequestResult::kRefused:
      return Refused{why};
    case RequestResult::kRetryable:
      return Retryable{why, ending.retry_after, ending.counts_for_breaker};
    case RequestResult::kOpen:
    case RequestResult::kUnclear:
      break;
  }
  Unclear out{why, looking ? Effect::kRead : rule.effect, rule.on_unclear};
  out.answered = ending.answered;
  out.misread = ending.misread;
  if (!looking && !ended.empty() && ended.back().status == 0) out.cause = no_answer(ended.back());
  return out;
}

}  // namespace postlude::pipeline
