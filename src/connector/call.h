#pragma once
// Call's private part: filled in by the readers (reader.cc, http.cc), used by call.cc. Only for this folder.

#include <optional>
#include <string>
#include <vector>

#include "connector/action.h"
#include "connector/form.h"

namespace postlude::connector {

struct Call::Impl {
  std::string id = "request";
  std::string edition;
  Effect effect = Effect::kRead;
  OnUnclear on_unclear = OnUnclear::kHold;
  std::optional<Duration> key_window;
  Duration lookup_after{};

  std::vector<lang::Expression> before;
  std::optional<std::size_t> condition;  // index of `if`
  std::shared_ptr<const Form> form;

  std::vector<lang::Expression> after;
  std::optional<std::size_t> success, exists, gone, retry, refuse, unclear, retry_after;
  std::optional<Slice> message;
};

// Adds the expression to `into` and says where.
std::size_t take(lang::Expression expression, std::vector<lang::Expression>& into);

// The value of a rule: true or false; else kInvalid with the expression's name.
Result<bool> as_bool(const lang::Evaluated& value, const lang::Expression& expression);
// The system's text as one line of at most 500 bytes, cut between characters. Masks it first, because a
// secret that was cut or whose lines were joined would not be recognised.
std::string one_line(std::string_view said, const Masker& masker);

}  // namespace postlude::connector
