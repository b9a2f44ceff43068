#pragma once
// HttpForm: an HTTP request with expressions in it. Only for this folder.

#include <optional>
#include <string>

#include "connector/form.h"
#include "connector/sign.h"

namespace postlude::connector {

enum class Encoding : std::uint8_t { kNone = 1, kJson, kForm, kText };

struct HttpForm final : Form {
  const Kind& kind() const override;
  // kInvalid also: the URL would leave the target.
  Result<Ask> build(const Target& target, const Values& values) const override;
  Result<Ask> authorise(Ask ask, const Target& target, const Credentials& credentials) const override;
  bool signs() const override { return signing.has_value(); }
  bool needs_signature() const override { return signing && signing->needs_secret(); }

  std::string method;
  Slice path;
  bool whole_url = false;   // `path` is a URL, which must be the target's own host
  bool accept_json = true;  // says Accept: application/json unless the file says otherwise
  std::optional<Slice> query, headers, body;
  Encoding encoding = Encoding::kNone;
  std::optional<Signing> signing;
};

// Headers that a file or a step may not set: they are the connection's, or credentials. "" or why not.
std::string header_objection(std::string_view name);
bool names_credentials(std::string_view header);
// "" or why this text cannot be the path of a request.
std::string path_objection(std::string_view path);

}  // namespace postlude::connector
