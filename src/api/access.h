#pragma once
// Access: who calls, by the token that they show, and what that lets them see and do (contract 12).

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
  std::string name;  // who acts: stands in the audit
  Role role = Role::kViewer;
  std::vector<SecretRef> secrets;
  std::string team;  // "": all; else what belongs to this team only
};

struct Caller {
  std::string name;
  Role role = Role::kNone;
  std::string team;  // "": all

  // Whether something of `of` (a team, or "" where it belongs to none) may be seen and acted on.
  bool sees(std::string_view of) const { return team.empty() || team == of; }
};

class Access {
 public:
  // Without tokens whoever calls this machine by a name of its own, or by that of `admin_url`, may do
  // everything; the listener is on loopback then.
  void use(std::vector<Token> tokens, SecretLookup secrets, std::string_view admin_url);

  // kDenied: there are no tokens, and a browser may have been led here by a page of somebody else.
  Status local(const HttpRequest& request) const;
  // kNotFound: no token, or one that nobody was given; kDenied: not from where the call comes.
  Result<Caller> caller(const HttpRequest& request) const;
  // Whose token this is; nullopt: nobody's. Takes as long whichever it is.
  std::optional<Caller> known(std::string_view secret) const;

 private:
  std::vector<Token> tokens_;
  SecretLookup secrets_;
  std::string origin_, host_;  // of server.adminUrl, in lower case; "": it is not set
};

// nullopt when `who` is among an approval's `approvers` (names of tokens, and team:x); else who is. An empty
// list lets everybody.
std::optional<std::string> not_among(const std::vector<std::string>& approvers, const Caller& who);

}  // namespace postlude::api
