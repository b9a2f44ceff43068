// The kinds of calls. Another one is a file like http_kind.cc and a line here.

#include <array>

#include "connector/http_kind.h"
#include "connector/mail_kind.h"
#include "connector/sql_kind.h"

namespace postlude::connector {
namespace {

// In the order of Ask and Reply.
const std::array<const Kind*, std::variant_size_v<Ask>>& kinds() {
  static_assert(std::variant_size_v<Ask> == std::variant_size_v<Reply>);
  static const std::array<const Kind*, std::variant_size_v<Ask>> kAll = {&http_kind(), &mail_kind(),
                                                                         &sql_kind()};
  return kAll;
}

}  // namespace

const Kind& kind_of(const Ask& ask) {
  return *kinds().at(ask.index());
}

const Kind& kind_of(const Reply& reply) {
  return *kinds().at(reply.index());
}

const Kind& kind_of_verb(std::string_view verb) {
  for (const Kind* kind : kinds()) {
    if (kind->has_verb(verb)) return *kind;
  }
  return http_kind();
}

const Kind& kind_of_url(std::string_view url) {
  for (const Kind* kind : kinds()) {
    if (kind->has_scheme(url)) return *kind;
  }
  return http_kind();
}

}  // namespace postlude::connector
