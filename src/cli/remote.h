#pragma once
// Remote: one blocking call to a daemon's API or hook, for the commands.

#include <string>

#include "base/json.h"
#include "cli/answer.h"
#include "model/http.h"

namespace postlude::cli {

struct ServerAddress {
  std::string url = "http://127.0.0.1:8081";  // --server, POSTLUDE_SERVER
  std::string from;                           // the one of the two that gave the URL; "": neither
  std::string token;                          // --token, POSTLUDE_TOKEN
};

// Turns an address as people write it into a URL: https://host/path stays; HOST:PORT and :PORT (of this
// machine) become http:// with `path` added. kInvalid names the value and `from`.
Result<std::string> url_of(const std::string& written, std::string_view from, std::string_view path);

// Whether a request to this URL leaves this machine unencrypted.
bool sent_in_the_clear(const std::string& url);

// kUnavailable, kUnknown: the daemon could not be reached. Any answer is a value.
Result<HttpResponse> call(HttpRequest request);

// kNotFound and so on by the answer's status, with its problem's detail; the body parsed otherwise, which has
// the members of `shape`.
Result<json::value> get(const ServerAddress& server, const std::string& path, const Shape& shape);
Result<json::value> post(const ServerAddress& server, const std::string& path, const json::value& body,
                         const Shape& shape);

// Removes `user:password@` from the URL and sets the header instead, as Go's client does.
void move_user_info(HttpRequest& request);

}  // namespace postlude::cli
