#include "rehearsal/history.h"

#include <algorithm>
#include <map>

#include "connector/kind.h"

namespace postlude::rehearsal {

namespace {

std::string text(const json::value& object, std::string_view key) {
  return std::string(find_text(object, key));
}

std::optional<Instant> time(const json::value& object, std::string_view key) {
  const std::string_view written = find_text(object, key);
  const auto parsed = parse_rfc3339(written);
  return written.empty() || !parsed ? std::nullopt : std::optional(*parsed);
}

json::value member(const json::value& object, std::string_view key) {
  const json::value* found = find(object, key);
  return found == nullptr ? json::value(nullptr) : *found;
}

const json::array& list(const json::value& object, std::string_view key) {
  static const json::array kNone;
  const json::value* found = find(object, key);
  return found == nullptr || !found->is_array() ? kNone : found->get_array();
}

json::value parsed(const std::string& stored) {
  auto value = parse_json(stored.empty() ? "null" : stored);
  return value ? std::move(*value) : json::value(stored);
}

// The target of `jira/release-version`; team/notify does not tell.
std::string target_of(const std::string& uses) {
  const std::size_t slash = uses.find('/');
  return slash == std::string::npos || uses == "team/notify" ? "" : uses.substr(0, slash);
}

// Who answered an approval or a callback, as the API shows it.
std::optional<postlude::Answer> answer_of(const json::value& view) {
  static const std::map<std::string, AnswerKind, std::less<>> kKinds{{"approved", AnswerKind::kApproved},
                                                                     {"rejected", AnswerKind::kRejected},
                                                                     {"callback", AnswerKind::kCallback}};
  const auto kind = kKinds.find(find_text(view, "kind"));
  const auto at = time(view, "at");
  if (kind == kKinds.end() || !at) return std::nullopt;
  return postlude::Answer{kind->second, text(view, "by"), to_text(member(view, "body")), *at};
}

// From what expressions saw of it.
void read_answer(const json::value& response, StoredExchange& into) {
  std::optional<Reply> answer = connector::kind_of_verb(into.method).reply_of(response);
  if (!answer) return;
  if (!into.cut) into.answer = std::move(answer);
}

StoredExchange exchange_of(const json::value& view, const std::string& uses) {
  StoredExchange out;
  out.target = target_of(uses);
  out.name = text(view, "request");
  out.why = text(view, "why");
  out.method = text(view, "method");
  out.url = text(view, "url");
  out.key = text(view, "key");
  out.headers = member(view, "headers");
  out.body = member(view, "body");
  out.result = text(view, "result");
  const auto sent = time(view, "sentAt");
  const auto ended = time(view, "endedAt");
  if (sent && ended && *ended > *sent) out.took = *ended - *sent;
  out.settled = !text(view, "settledBy").empty();
  out.cut = member(view, "cut") == true;
  out.left_out = member(view, "leftOut") == true;
  read_answer(member(view, "response"), out);
  return out;
}

StoredExchange exchange_of(const Request& request, const std::string& uses) {
  StoredExchange out;
  out.target = target_of(uses);
  out.method = request.method;
  out.url = request.url;
  out.key = request.key;
  out.headers = parsed(request.headers);
  out.body = parsed(request.body);
  out.left_out = request.left_out;
  out.result = to_text(request.result);
  return out;
}

StepHistory step_of(const json::value& view) {
  StepHistory out;
  out.id = text(view, "id");
  out.uses = text(view, "uses");
  const json::value item = member(view, "item");
  if (!item.is_null()) out.item = to_text(item);
  out.announces = !member(view, "announces").is_null();
  out.state = text(view, "state");
  out.because = because_named(text(view, "because"));
  out.answer = answer_of(member(view, "answer"));
  out.outputs = member(view, "outputs");
  out.started_at = time(view, "startedAt");
  out.finished_at = time(view, "finishedAt");
  out.now = time(view, "now");
  out.target = target_of(out.uses);
  out.key = text(view, "key");
  const json::array& attempts = list(view, "attempts");
  for (const json::value& attempt : attempts) {
    const bool last = &attempt == &attempts.back();
    if (!last && text(attempt, "outcome") == "refused") ++out.retried;
    for (const json::value& request : list(attempt, "requests"))
      out.exchanges.push_back(exchange_of(request, out.uses));
  }
  return out;
}

}  // namespace

std::string path_of_url(std::string_view url) {
  url = url.substr(0, url.find('?'));
  if (url.starts_with(connector::kSecretUrl)) return std::string(url.substr(connector::kSecretUrl.size()));
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const std::size_t slash = url.find('/', scheme + 3);
  return slash == std::string_view::npos ? "" : std::string(url.substr(slash));
}

Result<EventHistory> event_history(const json::value& view) {
  EventHistory out;
  out.id = text(view, "id");
  const auto received = time(view, "receivedAt");
  const json::value* payload = find(view, "payload");
  if (!out.id.starts_with("evt_") || !received || payload == nullptr)
    return Error(Code::kInvalid, "the daemon's answer is not an event");
  out.given.source = text(view, "source");
  out.given.hook = text(view, "hook");
  out.given.cluster = text(view, "cluster");
  out.given.payload = to_text(*payload);
  if (out.given.source == "postlude") out.given.metadata = to_text(member(view, "metadata"));
  out.given.received_at = received;
  if (find(view, "outcome") != nullptr) out.given.outcome = text(view, "outcome");
  for (const auto& [key, into] :
       {std::pair{"canary", &out.given.canary}, std::pair{"release", &out.given.release}}) {
    const json::value told = member(view, key);
    if (!told.is_null()) *into = to_text(told);
  }
  out.what = text(view, "namespace") + "/" + text(view, "name") + " " + text(view, "phase");
  const json::value planned = member(view, "planned");
  out.planned = planned.is_bool() && planned.get_bool();
  return out;
}

Result<RunHistory> run_history(const json::value& view) {
  RunHistory out;
  out.id = text(view, "id");
  if (!out.id.starts_with("run_") || find(view, "steps") == nullptr)
    return Error(Code::kInvalid, "the daemon's answer is not a run");
  out.workflow = text(view, "workflow");
  out.state = text(view, "state");
  out.reason = text(view, "reason");
  out.created_at = time(view, "createdAt");
  for (const json::value& step : list(view, "steps"))
    out.steps.push_back(step_of(step));
  return out;
}

RunHistory run_history(const store::RunDetail& detail) {
  RunHistory out;
  out.id = detail.run.id.text();
  out.workflow = detail.run.workflow;
  out.state = to_text(detail.run.state);
  out.reason = detail.run.reason;
  out.created_at = detail.run.created_at;
  for (const Step& step : detail.run.steps) {
    StepHistory one;
    one.id = step.name;
    one.uses = step.uses;
    one.item = step.item;
    one.announces = step.announces.has_value();
    one.state = to_text(step.state);
    one.because = step.because;
    one.outputs = parsed(step.outputs);
    one.started_at = step.started_at;
    one.finished_at = step.finished_at;
    one.now = step.now;
    for (const store::Attempt& attempt : detail.attempts) {
      if (attempt.step != step.id) continue;
      for (const Request& request : attempt.requests)
        one.exchanges.push_back(exchange_of(request, one.uses));
    }
    out.steps.push_back(std::move(one));
  }
  return out;
}

}  // namespace postlude::rehearsal
