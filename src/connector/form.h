#pragma once
// Form: what a call asks, with expressions in place of what is not known yet; one class for each kind of
// call. Only for this folder.

#include <string>

#include "connector/action.h"
#include "connector/kind.h"

namespace postlude::connector {

// A template whose expressions are `count` of a list of expressions, from `begin` on.
struct Slice {
  lang::Template value;
  std::size_t begin = 0;
  std::size_t count = 0;

  Result<json::value> assemble(const Values& values) const;
  Result<std::string> assemble_text(const Values& values) const;
};

// Adds the template's expressions to `into` and remembers where.
Slice take(lang::Template value, std::vector<lang::Expression>& into);

class Form {
 public:
  virtual ~Form() = default;
  virtual const Kind& kind() const = 0;
  // Without credentials. kInvalid, kOverloaded: an expression failed, or the result may not be asked.
  virtual Result<Ask> build(const Target& target, const Values& values) const = 0;
  // Adds the credentials, as the kind does, and what else this call has to have last.
  virtual Result<Ask> authorise(Ask ask, const Target& target, const Credentials& credentials) const {
    return kind().authorise(std::move(ask), target, credentials.secrets);
  }
  virtual bool signs() const { return false; }
  virtual bool needs_signature() const { return false; }
};

}  // namespace postlude::connector
