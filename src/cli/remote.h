#pragma once
// Remote: one call to a daemon's API or hook, waited for. For the commands, which have nothing else to do.

#include <string>

#include "base/json.h"
#include "cli/answer.h"
#include "model/http.h"

namespace postlude::cli {

struct Server {
  std::string url = "http://127.0.0.1:8081";  // --server, POSTLUDE_SERVER
  std::string from;                           // which of the two gave it; "": neither
  std::string token;                          // --token, POSTLUDE_TOKEN
};

// What a person wrote as an address, as a URL: https://host/path stays, HOST:PORT and :PORT (of this
// machine) become http:// with `path` behind them. kInvalid names the value and `from`.
Result<std::string> url_of(const std::string& written, std::string_view from, std::string_view path);

// Whether what is sent there leaves this machine unencrypted.
bool sent_in_the_clear(const std::string& url);

// kUnavailable, kUnknown: the daemon could not be reached; anything it answered is a value.
Result<HttpResponse> call(HttpRequest request);

// kNotFound and so on by the answer's status, with its problem's detail; the body parsed otherwise, which has
// the members of `shape`.
Result<json::value> get(const Server& server, const std::string& path, const Shape& shape);
Result<json::value> post(const Server& server, const std::string& path, const json::value& body,
                         const Shape& shape);

// Takes `user:password@` out of a URL and makes the header of it, as Go's client does.
void move_user_info(HttpRequest& request);

}  // namespace postlude::cli
