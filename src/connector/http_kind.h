#pragma once
// HttpKind: calls over HTTP: their text forms, and what an answer means by its status.

#include "connector/kind.h"

namespace postlude::connector {

const Kind& http_kind();

// `.response` {status, headers (names in lower case), body (JSON if it is JSON, else text; null when empty),
// text}.
json::object response_context(const HttpResponse& response, const json::storage_ptr& room = {});
// `.requests.<id>.request` {method, url, headers, body}.
json::object request_context(const HttpRequest& request, const json::storage_ptr& room = {});

}  // namespace postlude::connector
