#pragma once
// Flagger: what its hooks say, and what makes one call of them the same as another (contract 4).

#include <string>

#include "intake/source.h"
#include "model/event.h"

namespace postlude::intake {

// What is wrong with a body: for the answer (no echo of it), and for the record.
struct Fault {
  std::string answer;
  std::string record;
};

// `body` is its text less the secrets, `parsed` its tree. On a fault `event` holds what could be read.
std::optional<Fault> read_flagger(std::string_view hook, const std::string& body, const json::value& parsed,
                                  Event& event);

// Flagger's event hooks add these to the metadata; no other hook's body has all of them.
bool tells_an_event(const Event& event);

// The sender's own id decides where its proof covers one; else the hook's rule. Also what the call tells of
// its canary.
Identity identity_of(const Event& event, const Headers& headers, Covers covers, Duration dedupe_window);

}  // namespace postlude::intake
