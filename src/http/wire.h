#pragma once
// Wire: writes answers as bytes and addresses as text.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/http.h"

namespace postlude::http {

struct AnswerForm {
  bool head_only = false;  // answers a HEAD: tells the length and leaves the body out
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view date;  // "": none
};

// Appends the answer to `out`. Sets Content-Length, Connection, Date and Transfer-Encoding itself.
void append_answer(std::string& out, const HttpResponse& response, const AnswerForm& form);

std::string http_date(Instant t);  // Sun, 22 Nov 2026 10:11:12 GMT

// host:port or [v6]:port; host "*" or "": all addresses.
struct Listen {
  std::string host;
  std::uint16_t port = 0;
};
Result<Listen> parse_listen(std::string_view text);

}  // namespace postlude::http
