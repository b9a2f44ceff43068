#pragma once
// Answer: what a sender reads. Flagger copies it into Kubernetes Events: one short line, no secret, no echo.

#include <string>
#include <string_view>

#include "base/id.h"
#include "intake/judge.h"
#include "model/http.h"

namespace postlude::intake {

// application/problem+json (RFC 9457) with the headers that its status wants: Allow, Retry-After,
// WWW-Authenticate. For what intake does not judge itself too: 503 while the store is not writable, 422, 408.
HttpResponse problem_answer(int status, std::string_view detail, std::string_view challenge = {});
HttpResponse problem_answer(const Refusal& refusal);
// Of a call that has a route: a sender that paces itself is not asked to wait.
HttpResponse problem_answer(const Route& route, int status, std::string_view detail);

// 202, or 200 for a duplicate. A gate is never answered so: CHECKed.
HttpResponse accepted_answer(const Route& route, DeliveryId delivery, EventId event, bool duplicate);
HttpResponse filtered_answer(const Route& route, DeliveryId delivery);

}  // namespace postlude::intake
