#pragma once
// Wire: answers as bytes, and addresses as text.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/http.h"

namespace postlude::http {

struct AnswerForm {
  bool head_only = false;  // of a HEAD: the length is told, the body left out
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view date;  // "": none
};

// Appends the answer to `out`. Content-Length, Connection, Date and Transfer-Encoding are ours, not the
// handler's.
void append_answer(std::string& out, const HttpResponse& response, const AnswerForm& form);

std::string http_date(Instant t);  // Sun, 22 Nov 2026 10:11:12 GMT

// host:port or [v6]:port; "*" or "" as host: all addresses.
struct Listen {
  std::string host;
  std::uint16_t port = 0;
};
Result<Listen> parse_listen(std::string_view text);

}  // namespace postlude::http
