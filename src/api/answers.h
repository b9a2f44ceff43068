#pragma once
// Answers: makes the API's responses: JSON, pages, and problems (RFC 9457).

#include <string>
#include <string_view>

#include "base/json.h"
#include "model/http.h"

namespace postlude::api {

// Not cacheable; browsers must not guess the type.
HttpResponse answer(int status, std::string type, std::string body);
HttpResponse json_answer(const json::value& value, int status = 200);
HttpResponse problem(int status, std::string_view title, std::string_view detail);
HttpResponse problem_of(const Error& error);  // the status follows from the error's code

}  // namespace postlude::api
