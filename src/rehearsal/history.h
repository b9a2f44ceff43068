#pragma once
// History: what happened because of an event, as a daemon's API tells it, or as a rehearsal's store has it;
// both in one form, so that they can be compared.

#include <optional>
#include <string>
#include <vector>

#include "rehearsal/rehearsal.h"

namespace postlude::rehearsal {

// A request as it was stored: secrets masked, without credentials.
struct Exchange {
  std::string target;  // "": not known
  std::string method;
  std::string url;
  std::string name;      // of the request: "update.…" where it changed what an earlier use had made
  std::string key;       // the idempotency key
  std::string why;       // it did not succeed, or who settled it: for people
  bool settled = false;  // a person said what became of it
  json::value headers;
  json::value body;
  std::string result;  // as the contract has it: succeeded, unclear, shadow, …
  Duration took{};
  std::optional<HttpResponse> answer;  // nullopt: there was none, or it is not whole
  bool cut = false;                    // the answer was longer than what is stored
  bool left_out = false;               // what was sent and answered is not told
};

struct StepHistory {
  std::string id;  // "" when it has none
  std::string uses;
  std::string item;  // of forEach, as JSON
  bool announces = false;
  std::string target, key;  // of `key`; "": it has none
  std::size_t retried = 0;  // how often a person let it go on after it had been refused
  std::string state;
  Because because = Because::kOther;
  json::value outputs;
  std::optional<postlude::Answer> answer;  // that it was given
  std::optional<Instant> started_at, finished_at;
  std::optional<Instant> now;  // what expressions saw as `now`
  std::vector<Exchange> exchanges;
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

// Of GET /api/v1/events/{id} (its runs are left out) and GET /api/v1/runs/{id}. kInvalid: this is something
// else.
Result<EventHistory> event_history(const json::value& view);
Result<RunHistory> run_history(const json::value& view);
RunHistory run_history(const store::RunDetail& detail);

// The path of a stored URL: behind its host, or behind ***; without the query.
std::string path_of_url(std::string_view url);

}  // namespace postlude::rehearsal
