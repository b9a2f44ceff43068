#pragma once
// Answer: the answers that senders read. Flagger copies them into Kubernetes Events: one short line, no
// secret, no echo.

#include <string>
#include <string_view>

#include "base/id.h"
#include "intake/judge.h"
#include "model/http.h"

namespace postlude::intake {

// application/problem+json (RFC 9457) with the headers that the status needs: Allow, Retry-After,
// WWW-Authenticate. Also for errors outside intake: 503 while the store is not writable, 422, 408.
HttpResponse problem_answer(int status, std::string_view detail, std::string_view challenge = {});
HttpResponse problem_answer(const Refusal& refusal);
// For a call that has a route. A sender that paces itself gets no Retry-After.
HttpResponse problem_answer(const Route& route, int status, std::string_view detail);

// 202, or 200 for a duplicate. CHECKs that it is not for a gate.
HttpResponse accepted_answer(const Route& route, DeliveryId delivery, EventId event, bool duplicate);
HttpResponse filtered_answer(const Route& route, DeliveryId delivery);

}  // namespace postlude::intake
