#pragma once
// Flagger: reads the bodies of Flagger's hooks, and decides which calls are equal (contract 4).

#include <string>

#include "intake/source.h"
#include "model/event.h"

namespace postlude::intake {

// What is wrong with a body: the text for the answer (no echo of the body), and the text for the record.
struct BodyProblem {
  std::string answer;
  std::string record;
};

// `body` is the text without secrets, `parsed` its tree. On an error `event` has what could be read.
std::optional<BodyProblem> read_flagger(std::string_view hook, const std::string& body,
                                        const json::value& parsed, Event& event);

// Whether the metadata has all members that Flagger's event hooks add; bodies of other hooks do not.
bool tells_an_event(const Event& event);

// Uses the sender's own id if its proof covers the id; else the rule of the hook. Also sets what the call
// says about its canary.
Identity identity_of(const Event& event, const Headers& headers, Covers covers, Duration dedupe_window);

}  // namespace postlude::intake
