#pragma once
// Call's inside: what the readers (reader.cc, http.cc) fill in and call.cc works with. Only for this folder.

#include <optional>
#include <string>
#include <vector>

#include "connector/action.h"

namespace postlude::connector {

// A template whose expressions are `count` of a list of expressions, from `begin` on.
struct Slice {
  lang::Template value;
  std::size_t begin = 0;
  std::size_t count = 0;

  Result<json::value> assemble(const Values& values) const;
  Result<std::string> assemble_text(const Values& values) const;
};

enum class Encoding : std::uint8_t { kNone = 1, kJson, kForm, kText };

struct Call::Impl {
  std::string id = "request";
  std::string method;
  std::string edition;
  Effect effect = Effect::kRead;
  OnUnclear on_unclear = OnUnclear::kHold;
  std::optional<Duration> key_window;
  Duration lookup_after{};
  bool accept_json = true;  // says Accept: application/json unless the file says otherwise

  std::vector<lang::Expression> before;
  std::optional<std::size_t> condition;  // index of `if`
  Slice path;
  bool whole_url = false;  // `path` is a URL, which must be the target's own host
  std::optional<Slice> query, headers, body;
  Encoding encoding = Encoding::kNone;

  std::vector<lang::Expression> after;
  std::optional<std::size_t> success, exists, gone, retry, refuse, unclear, retry_after;
  std::optional<Slice> message;
};

// Adds the template's expressions to `into` and remembers where.
Slice take(lang::Template value, std::vector<lang::Expression>& into);
std::size_t take(lang::Expression expression, std::vector<lang::Expression>& into);

// What a rule came to: true or false, else kInvalid and the expression's name.
Result<bool> as_bool(const lang::Evaluated& value, const lang::Expression& expression);
// What a system said, as one line of at most 500 bytes, cut between characters. It is masked first: a secret
// that is cut or whose lines are joined would no longer be known as one.
std::string one_line(std::string_view said, const Masker& masker);

// Headers that a file or a step may not set: they are the connection's, or credentials. "" or why not.
std::string header_objection(std::string_view name);
// "" or why this text cannot be the path of a request.
std::string path_objection(std::string_view path);

}  // namespace postlude::connector
