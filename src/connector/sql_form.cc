#include "connector/sql_form.h"

#include "connector/sql_kind.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kParamsMax = 1000;
constexpr std::size_t kParamBytesMax = 1U << 20U;

}  // namespace

const Kind& SqlForm::kind() const {
  return sql_kind();
}

Result<Ask> SqlForm::build(const Target& target, const Values& values) const {
  SqlAsk ask;
  ask.execute = execute;
  ask.url = target.url;
  ask.statement = statement;
  ask.rows_max = rows_max;
  if (params) {
    TRY(const json::value given, params->assemble(values));
    if (!given.is_array()) return Error(Code::kInvalid, "`params` must be a list, not " + to_text(given));
    if (given.get_array().size() > kParamsMax)
      return Error(Code::kInvalid, "`params` has more than 1000 entries");
    ask.params = to_text(given);
    if (ask.params.size() > kParamBytesMax) return Error(Code::kInvalid, "`params` is larger than 1 MiB");
    // It would end the text of a parameter where PostgreSQL and SQLite read it.
    if (ask.params.find("\\u0000") != std::string::npos)
      return Error(Code::kInvalid, "`params` holds a character that databases do not take: \\u0000");
  }
  return Ask(std::move(ask));
}

}  // namespace postlude::connector
