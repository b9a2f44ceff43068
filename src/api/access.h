#pragma once
// Access: identifies callers by their tokens, and decides what they may see and do (contract 12).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "model/http.h"

namespace postlude::api {

enum class Role : std::uint8_t { kNone = 0, kViewer, kOperator, kAdmin };

struct Token {
  std::string name;  // the actor's name in audit records
  Role role = Role::kViewer;
  std::vector<SecretRef> secrets;
  std::string team;  // "": everything; else only what belongs to this team
};

struct Caller {
  std::string name;
  Role role = Role::kNone;
  std::string team;  // "": all

  // Whether the caller may see and act on something of the team `of` ("": of no team).
  bool sees(std::string_view of) const { return team.empty() || team == of; }
};

class Access {
 public:
  // Without tokens, everybody who addresses this machine by a loopback name, or by the name in `admin_url`,
  // may do everything; the listener is then on a loopback address. The log names the tokens that
  // cannot be used.
  void use(std::vector<Token> tokens, SecretLookup secrets, std::string_view admin_url);

  // kDenied: there are no tokens, and the request may come from a web page of somebody else in a browser.
  Status local(const HttpRequest& request) const;
  // kNotFound: no token, or an unknown one; kUnavailable: the same, and the secrets of some tokens cannot be
  // read; kDenied: the request's origin is not allowed.
  Result<Caller> caller(const HttpRequest& request) const;
  // The owner of this token; nullopt: nobody's. Takes the same time in every case.
  std::optional<Caller> known(std::string_view secret) const;

 private:
  std::string unreadable(const Token& token) const;
  Error unknown_token() const;

  std::vector<Token> tokens_;
  SecretLookup secrets_;
  std::string origin_, host_;  // of server.adminUrl, in lower case; "": not set
};

// nullopt if `who` is one of an approval's `approvers` (names of tokens, and team:x) or the list is empty;
// else the text that says who the approvers are.
std::optional<std::string> not_among(const std::vector<std::string>& approvers, const Caller& who);

}  // namespace postlude::api
