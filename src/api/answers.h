#pragma once
// Answers: how the API says what it has to say: JSON, pages, and problems (RFC 9457).

#include <string>
#include <string_view>

#include "base/json.h"
#include "model/http.h"

namespace postlude::api {

HttpResponse answer(int status, std::string type, std::string body);  // never cached, never guessed at
HttpResponse json_answer(const json::value& value, int status = 200);
HttpResponse problem(int status, std::string_view title, std::string_view detail);
HttpResponse problem_of(const Error& error);  // its status by the error's code

}  // namespace postlude::api
