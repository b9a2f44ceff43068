#include "connector/written.h"

#include <algorithm>

#include "connector/http.h"
#include "connector/http_kind.h"
#include "connector/sql.h"
#include "connector/sql_kind.h"

namespace postlude::connector {

const std::vector<Written>& written_connectors() {
  static const std::vector<Written> kAll = {
      {"http",
       "Any HTTP API; the request is written in the step",
       "any HTTP request (built in)",
       {"none", "bearer", "basic", "header", "query", "body", "url"},
       http_kind,
       true,
       {{"request",
         "Any HTTP request.",
         {"status", "headers", "body"},
         http_inputs(),
         http_effects(),
         read_http_request}}},
      {"sql",
       "PostgreSQL, MySQL, MariaDB and SQLite; the statement is written in the step",
       "one SQL statement (built in)",
       {"none", "basic"},
       sql_kind,
       false,
       {{"query",
         "One statement that can only read.",
         sql_outputs(),
         sql_query_inputs(),
         {"read"},
         read_sql_query},
        {"execute",
         "One statement, in a transaction that is committed.",
         sql_outputs(),
         sql_execute_inputs(),
         {"none, unless `effect` says otherwise"},
         read_sql_execute}}},
  };
  return kAll;
}

const Written* written(std::string_view connector) {
  const auto& all = written_connectors();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Written& one) { return one.name == connector; });
  return found == all.end() ? nullptr : &*found;
}

const Kind& kind_of_connector(std::string_view connector) {
  const Written* one = written(connector);
  return one == nullptr ? http_kind() : one->kind();
}

const WrittenAction* Written::find(std::string_view action) const {
  const auto found = std::find_if(actions.begin(), actions.end(),
                                  [&](const WrittenAction& one) { return one.name == action; });
  return found == actions.end() ? nullptr : &*found;
}

std::vector<std::string> Written::action_names() const {
  std::vector<std::string> names;
  for (const WrittenAction& one : actions)
    names.emplace_back(one.name);
  return names;
}

}  // namespace postlude::connector
