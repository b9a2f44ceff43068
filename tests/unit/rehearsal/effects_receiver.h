#pragma once
// Effects receiver: the system at the other end of effects_test.cc: a connector for it, and what it makes of
// what it is asked.

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "rehearsal/wire.h"
#include "unit/rehearsal/effects_model.h"

namespace postlude::rehearsal::effects {

constexpr const char* kConnector = R"(connector: receiver
summary: A receiver that keeps books
auth: [none]
actions:
  read:
    summary: Read.
    input: {}
    requests: [{id: do, get: /do, exists: .response.status == 409, query: {event: '${{ .event.checksum }}'}}]
    outputs: &outputs {id: '${{ .requests.do.response.body.id }}'}
  state:
    summary: Set.
    input: {}
    requests:
      - id: do
        put: /do
        effect: state
        body: &body {event: '${{ .event.checksum }}', key: '${{ .key }}'}
        exists: &exists .response.status == 409
    outputs: *outputs
  upsert:
    summary: Make sure.
    input: {}
    requests: [{id: do, post: /do, effect: upsert, body: *body, exists: *exists}]
    outputs: *outputs
  key:
    summary: With a key.
    input: {}
    requests: [{id: do, post: /do, effect: key, keyWindow: 365d, body: *body, exists: *exists}]
    outputs: *outputs
  short-key:
    summary: With a key that is soon forgotten.
    input: {}
    requests: [{id: do, post: /do, effect: key, keyWindow: 1h, body: *body, exists: *exists}]
    outputs: *outputs
  short-key-lookup:
    summary: With a key that is soon forgotten, and may be looked for then.
    input: {}
    requests: [{id: do, post: /do, effect: key, keyWindow: 1h, lookupAfter: 5s, body: *body, exists: *exists}]
    lookup: &lookup
      - {id: look, get: /look, query: {key: '${{ .key }}'}, outputs: '${{ .requests.look.response.body }}'}
    outputs: *outputs
  lookup:
    summary: May be looked for.
    input: {}
    requests: [{id: do, post: /do, effect: lookup, lookupAfter: 5s, body: *body, exists: *exists}]
    lookup: *lookup
    outputs: *outputs
  none:
    summary: Neither key nor trace.
    input: {}
    requests: [{id: do, post: /do, effect: none, onUnclear: hold, body: *body, exists: *exists}]
    outputs: *outputs
)";

// The system at the other end: what it was asked, what it made of it, what it answers.
class Receiver {
 public:
  static constexpr Duration kTimeout = std::chrono::seconds(10);     // of the step
  static constexpr Duration kLookupAfter = std::chrono::seconds(5);  // of the connector above
  Receiver(const Rule& rule, std::deque<Send> coming) : rule_(rule), coming_(std::move(coming)) {}

  ScriptedAnswer answer(const Sent& sent) {
    const auto url = split(sent.http().target, '?');
    const std::string query = url.size() > 1 ? std::string(url[1]) : "";
    if (url[0].ends_with("/look")) {
      if (!searching_) ++lookups;
      searching_ = true;
      looked_at_ = sent.at;
      const std::string key = query.substr(query.find('=') + 1);
      looked_for_.insert(key);
      const auto found = made_.find(key);
      return {std::chrono::milliseconds(20), json_answer(200, found == made_.end() ? "null" : id_of(key))};
    }
    const json::value body = sent.http().body.empty() ? json::value() : json::parse(sent.http().body);
    const std::string key(find_text(body, "key"));
    const bool newer = rule_.kind == Kind::kRead ? query == "event=c2" : find_text(body, "event") == "c2";
    if (newer) return {std::chrono::milliseconds(20), json_answer(200, R"({"id":"newer"})")};
    ++sends;
    if (searching_ && in_doubt_since_) {
      EXPECT_GE(looked_at_, *in_doubt_since_ + kTimeout + kLookupAfter) << "\"not there\" counted too early";
    }
    searching_ = false;
    in_doubt_since_.reset();
    EXPECT_GE(sent.at, not_before_) << "it was told to wait";
    EXPECT_TRUE(attempts_.insert(sent.attempt).second) << "an attempt sends its request once";
    return apply(key, sent.at);
  }

  int effects() const {
    int out = 0;
    for (const auto& [key, count] : made_)
      out += count;
    return out;
  }
  std::size_t keys() const {
    for (const std::string& key : looked_for_)
      EXPECT_TRUE(asked_.contains(key)) << "looked for a key that is not the request's";
    return asked_.size();
  }

  int sends = 0;
  int lookups = 0;  // rows of looks: they end with what is found, or with a send
  void nobody_looks() { searching_ = false; }
  bool is_heard = true;  // the first answer reaches somebody who lives

 private:
  static HttpResponse json_answer(int status, std::string body) {
    HttpResponse out;
    out.status = status;
    out.headers.add("Content-Type", "application/json");
    out.body = std::move(body);
    return out;
  }
  static std::string id_of(const std::string& key) { return R"({"id":"made for )" + key + "\"}"; }

  ScriptedAnswer apply(const std::string& key, Instant at) {
    Send send = taken_ ? Send::kExists : Send::kSucceeded;
    if (!coming_.empty()) {
      send = coming_.front();
      coming_.pop_front();
    }
    if (send == Send::kUnreached)
      return {std::chrono::milliseconds(20), Error(Code::kUnavailable, "connection refused")};
    if (rule_.kind != Kind::kRead) asked_.insert(key);
    switch (send) {
      case Send::kSucceeded:
        act(key, at);
        return {std::chrono::milliseconds(20), json_answer(200, id_of(key))};
      case Send::kExists:
        taken_ = true;
        return {std::chrono::milliseconds(20), json_answer(409, R"({"id":"theirs"})")};
      case Send::kRefused:
        return {std::chrono::milliseconds(20), json_answer(400, R"({"error":"no"})")};
      case Send::kLater: {
        HttpResponse later = json_answer(429, "{}");
        later.headers.add("Retry-After", "7");
        if (is_heard) not_before_ = at + std::chrono::seconds(7);
        return {std::chrono::milliseconds(20), std::move(later)};
      }
      case Send::kTimeout:
      case Send::kReset:
      case Send::kError:
        act(key, at);
        break;
      case Send::kTimeoutIdle:
      case Send::kResetIdle:
      case Send::kErrorIdle:
      case Send::kUnreached:
        break;
    }
    in_doubt_since_ = at;
    if (send == Send::kError || send == Send::kErrorIdle)
      return {std::chrono::milliseconds(20), json_answer(500, "oops")};
    if (send == Send::kReset || send == Send::kResetIdle)
      return {std::chrono::milliseconds(20), Error(Code::kUnknown, "reset by peer")};
    return {std::chrono::hours(1), Error(Code::kUnknown, "nothing")};
  }

  void act(const std::string& key, Instant at) {
    switch (rule_.kind) {
      case Kind::kRead:
        return;
      case Kind::kState:
      case Kind::kUpsert:
        made_["it"] = 1;
        return;
      case Kind::kKey: {
        const auto known = remembered_.find(key);
        const bool forgotten =
            rule_.window_over && known != remembered_.end() && at - known->second > std::chrono::hours(1);
        if (known != remembered_.end() && !forgotten) return;
        remembered_[key] = at;
        ++made_[key];
        return;
      }
      case Kind::kLookup:
      case Kind::kNone:
        ++made_[key];
        return;
    }
  }

  const Rule& rule_;
  std::deque<Send> coming_;
  bool taken_ = false;
  bool searching_ = false;
  Instant looked_at_{};
  std::optional<Instant> in_doubt_since_;
  Instant not_before_{};
  std::map<std::string, int> made_;
  std::map<std::string, Instant> remembered_;
  std::set<std::string> asked_;  // keys
  std::set<std::string> looked_for_;
  std::set<std::string> attempts_;
};

}  // namespace postlude::rehearsal::effects
