#pragma once
// Call's private part: filled in by the readers (reader.cc, http.cc), used by call.cc. Only for this folder.

#include <optional>
#include <string>
#include <vector>

#include "connector/action.h"

namespace postlude::connector {

// A template whose expressions are `count` entries of a list of expressions, from `begin` on.
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
  bool accept_json = true;  // sends Accept: application/json unless the file sets Accept

  std::vector<lang::Expression> before;
  std::optional<std::size_t> condition;  // index of `if`
  Slice path;
  bool whole_url = false;  // `path` is a URL, whose host must be the target's
  std::optional<Slice> query, headers, body;
  Encoding encoding = Encoding::kNone;

  std::vector<lang::Expression> after;
  std::optional<std::size_t> success, exists, gone, retry, refuse, unclear, retry_after;
  std::optional<Slice> message;
};

// Appends the template's expressions to `into` and remembers their places.
Slice take(lang::Template value, std::vector<lang::Expression>& into);
std::size_t take(lang::Expression expression, std::vector<lang::Expression>& into);

// The value of a rule: true or false; else kInvalid with the expression's name.
Result<bool> as_bool(const lang::Evaluated& value, const lang::Expression& expression);
// The system's text as one line of at most 500 bytes, cut between characters. Masks it first, because a
// secret that was cut or whose lines were joined would not be recognised.
std::string one_line(std::string_view said, const Masker& masker);

// Headers that a file or a step may not set, because they belong to the connection or are credentials. "" or
// the reason.
std::string header_objection(std::string_view name);
// "" or the reason why this text cannot be a request's path.
std::string path_objection(std::string_view path);

}  // namespace postlude::connector
