#pragma once
// History: what an event caused, read from a daemon's API or from a rehearsal's store into one form, so that
// both can be compared.

#include <optional>
#include <string>
#include <vector>

#include "rehearsal/rehearsal.h"

namespace postlude::rehearsal {

// A request as it was stored: secrets masked, without credentials.
struct StoredExchange {
  std::string target;  // "": unknown
  std::string method;
  std::string url;
  std::string name;      // of the request: "update.…" where it changed what an earlier use had made
  std::string key;       // the idempotency key
  std::string why;       // it did not succeed, or who settled it: for people
  bool settled = false;  // a person said what became of it
  json::value headers;
  json::value body;
  std::string result;  // in the contract's words: succeeded, unclear, shadow, …
  Duration took{};
  std::optional<Reply> answer;  // nullopt: none, or an incomplete one
  bool cut = false;             // the stored answer was shortened
  bool left_out = false;        // the request and answer are not included
};

struct StepHistory {
  std::string id;  // "" if it has none
  std::string uses;
  std::string item;  // forEach: the element as JSON
  bool announces = false;
  std::string target, key;  // from `key`; "": none
  std::size_t retried = 0;  // number of times that a person continued it after a refusal
  std::string state;
  Because because = Because::kOther;
  json::value outputs;
  std::optional<postlude::Answer> answer;  // that it was given
  std::optional<Instant> started_at, finished_at;
  std::optional<Instant> now;  // the value of `now` in expressions
  std::vector<StoredExchange> exchanges;
};

struct RunHistory {
  std::string id;
  std::string workflow;
  std::string state;
  std::string reason;
  std::optional<Instant> created_at;
  std::vector<StepHistory> steps;
};

struct EventHistory {
  std::string id;
  std::string what;  // namespace/name phase, for people
  Given given;
  bool planned = false;
  std::vector<RunHistory> runs;  // oldest first
};

// Reads GET /api/v1/events/{id} (without its runs) and GET /api/v1/runs/{id}. kInvalid: another kind of JSON.
Result<EventHistory> event_history(const json::value& view);
Result<RunHistory> run_history(const json::value& view);
RunHistory run_history(const store::RunDetail& detail);

// The path of a stored URL, after its host or after ***, without the query.
std::string path_of_url(std::string_view url);

}  // namespace postlude::rehearsal
