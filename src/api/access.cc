#include "api/access.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"

namespace postlude::api {

void Access::use(std::vector<Token> tokens, SecretLookup secrets) {
  tokens_ = std::move(tokens);
  secrets_ = std::move(secrets);
}

std::optional<Caller> Access::known(std::string_view secret) const {
  std::optional<Caller> found;
  for (const Token& token : tokens_) {  // all of them, whatever matches: the time tells nothing
    for (const SecretRef& ref : token.secrets) {
      const auto value = secrets_(ref);
      if (value && equal_in_constant_time(*value, secret)) found = Caller{token.name, token.role, token.team};
    }
  }
  return found;
}

Result<Caller> Access::caller(const HttpRequest& request) const {
  if (tokens_.empty()) {
    // The listener is on loopback; a page of another origin that a browser was led to must not act through
    // it.
    const std::string_view host = request.headers.get("Host");
    const std::string_view name =
        host.starts_with("[") ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
    if (name != "localhost" && !name.starts_with("127.") && name != "[::1]") {
      return Error(Code::kDenied, "without access.tokens the API answers only calls to localhost");
    }
    const std::string* origin = request.headers.find("Origin");
    if (origin != nullptr && *origin != "http://" + std::string(host))
      return Error(Code::kDenied, "calls from another origin are refused");
    return Caller{"local", Role::kAdmin, ""};
  }
  const std::string_view authorization = request.headers.get("Authorization");
  const bool bearer = authorization.size() > 7 && equal_ignoring_case(authorization.substr(0, 7), "Bearer ");
  auto found = known(bearer ? trim(authorization.substr(7)) : std::string_view());
  if (!found)
    return Error(Code::kNotFound,
                 bearer ? "the token is not known" : "a token is needed: Authorization: Bearer …");
  return *std::move(found);
}

std::optional<std::string> not_among(const std::vector<std::string>& approvers, const Caller& who) {
  if (approvers.empty()) return std::nullopt;
  const bool is = std::any_of(approvers.begin(), approvers.end(), [&](const std::string& one) {
    return one.starts_with("team:") ? !who.team.empty() && one.substr(5) == who.team : one == who.name;
  });
  if (is) return std::nullopt;
  return join(approvers, ", ");
}

}  // namespace postlude::api
