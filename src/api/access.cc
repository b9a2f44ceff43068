#include "api/access.h"

#include <algorithm>

#include "base/hash.h"
#include "base/log.h"
#include "base/loopback.h"
#include "base/text.h"

namespace postlude::api {

namespace {

// "https://a.example/x" -> "https://a.example".
std::string origin_of(std::string_view url) {
  const std::size_t host = url.find("://");
  return lower(host == std::string_view::npos ? std::string_view() : url.substr(0, url.find('/', host + 3)));
}

}  // namespace

void Access::use(std::vector<Token> tokens, SecretLookup secrets, std::string_view admin_url) {
  tokens_ = std::move(tokens);
  secrets_ = std::move(secrets);
  origin_ = origin_of(admin_url);
  host_ =
      origin_.empty() ? "" : host_of(std::string_view(origin_).substr(origin_.find("://") + 3)).value_or("");
  for (const Token& token : tokens_) {
    if (const std::string why = unreadable(token); !why.empty()) {
      log::warn("nobody can use this token until its secret can be read",
                {{"token", token.name}, {"why", why}});
    }
  }
}

// Why none of the token's secrets can be read; "": one can.
std::string Access::unreadable(const Token& token) const {
  std::string why = "it has none";
  for (const SecretRef& ref : token.secrets) {
    const auto value = secrets_(ref);
    if (value) return "";
    why = value.error().message;
  }
  return why;
}

// As long as a secret cannot be read, the caller may be the one who has it.
Error Access::unknown_token() const {
  const auto lost = std::count_if(tokens_.begin(), tokens_.end(),
                                  [&](const Token& token) { return !unreadable(token).empty(); });
  const std::string why = "the token is unknown: use one of access.tokens";
  if (lost == 0) return {Code::kNotFound, why};
  return {Code::kUnavailable, why + " (the secrets of " + std::to_string(lost) + " of these " +
                                  std::to_string(tokens_.size()) +
                                  " cannot be read on the server; its log names them)"};
}

// A page that a browser was led to has a name of its own, even where its owner lets that name lead to this
// machine; and calls from there, or from any other page, bear its origin.
Status Access::local(const HttpRequest& request) const {
  if (!tokens_.empty()) return ok();
  const auto& list = request.headers.list;
  const std::string_view name = request.headers.get("Host");
  const auto host = host_of(name);
  const bool known = host && (is_loopback(*host) || (!host_.empty() && *host == host_));
  if (!known || request.headers.count("Host") != 1) {
    return Error(Code::kDenied,
                 "without access.tokens the Host header must be localhost, 127.0.0.1, [::1] or the host of "
                 "server.adminUrl: set server.adminUrl, or add a token to access.tokens");
  }
  const std::string own = "http://" + lower(name);
  const bool foreign = std::any_of(list.begin(), list.end(), [&](const Header& header) {
    if (!equal_ignoring_case(header.name, "Origin")) return false;
    const std::string origin = lower(header.value);
    return origin != own && (*host != host_ || origin != origin_);
  });
  if (foreign)
    return Error(
        Code::kDenied,
        "requests from another origin are refused: set server.adminUrl, or add a token to access.tokens");
  return ok();
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
  TRY_DONE(local(request));
  if (tokens_.empty()) return Caller{"local", Role::kAdmin, ""};
  const std::string_view authorization = request.headers.get("Authorization");
  const bool bearer = authorization.size() > 7 && equal_ignoring_case(authorization.substr(0, 7), "Bearer ");
  auto found = known(bearer ? trim(authorization.substr(7)) : std::string_view());
  if (!found && bearer) return unknown_token();
  if (!found) return Error(Code::kNotFound, "a token is required: Authorization: Bearer TOKEN, or --token");
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
