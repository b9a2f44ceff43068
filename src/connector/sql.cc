#include "connector/sql.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "connector/reader.h"
#include "connector/sql_form.h"
#include "connector/sql_kind.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kRowsMax = 10'000;
constexpr std::size_t kStatementBytesMax = 64U << 10U;
constexpr Duration kKeyWindow = std::chrono::hours(24);

std::string first_word(std::string_view statement) {
  std::string word;
  for (const char c : statement_line(statement)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter) break;
    word += c;
  }
  return lower(word);
}

// The transaction is ours.
bool ends_transaction(std::string_view statement) {
  constexpr std::array<std::string_view, 10> kWords = {"begin", "start",     "commit",  "rollback", "end",
                                                       "abort", "savepoint", "release", "xa",       "use"};
  return std::find(kWords.begin(), kWords.end(), first_word(statement)) != kWords.end();
}

std::shared_ptr<const Action> read(const lang::Node* with, const lang::Place& step, bool execute,
                                   lang::Problems& problems) {
  if (with == nullptr || !with->is_map()) {
    problems.push_back({step, std::string("sql/") + (execute ? "execute" : "query") +
                                  " needs `with`: a map with `statement`, and `params` for what it binds"});
    return nullptr;
  }
  return DefinitionReader(problems).sql_action(*with, execute);
}

}  // namespace

const std::vector<WrittenInput>& sql_query_inputs() {
  static const std::vector<WrittenInput> kInputs{
      {"statement", "text", "", "one statement, without expressions: values are bound by `params`"},
      {"params", "list", "[]",
       "what is bound, by position: $1, $2, … in PostgreSQL; ? in MySQL, MariaDB and SQLite"},
      {"maxRows", "1 to 10000", "100", "more rows are not read; the output `more` says whether there were"},
      {"success", "condition", "the database reports no error", "on `.response`: whether it worked"},
      {"retry", "condition", "deadlocks, timeouts, too many connections",
       "on `.response`: it had no effect, and is asked again"},
      {"refuse", "condition", "other errors", "on `.response`: it had no effect, and the step fails"}};
  return kInputs;
}

const std::vector<WrittenInput>& sql_execute_inputs() {
  static const std::vector<WrittenInput> kInputs = [] {
    std::vector<WrittenInput> inputs = sql_query_inputs();
    inputs.push_back({"effect", "state, upsert, key or none", "none",
                      "what may follow where nobody knows whether it was committed (docs/effects.md)"});
    return inputs;
  }();
  return kInputs;
}

const std::vector<std::string>& sql_outputs() {
  static const std::vector<std::string> kOutputs{"rows", "count", "first", "more"};
  return kOutputs;
}

std::shared_ptr<const Action> read_sql_query(const lang::Node* with, const lang::Place& step,
                                             lang::Problems& problems) {
  return read(with, step, false, problems);
}

std::shared_ptr<const Action> read_sql_execute(const lang::Node* with, const lang::Place& step,
                                               lang::Problems& problems) {
  return read(with, step, true, problems);
}

void DefinitionReader::read_sql_statement(const lang::Node& with, SqlForm& form) {
  const lang::Node* statement = with.find("statement");
  if (statement == nullptr || !statement->is_scalar() || trim(statement->scalar).empty()) {
    problem(statement == nullptr ? with.place : statement->place, "`statement` must be one SQL statement");
    return;
  }
  form.statement = statement->scalar;
  while (!form.statement.empty() &&
         std::string_view(" \t\r\n;").find(form.statement.back()) != std::string::npos)
    form.statement.pop_back();
  if (form.statement.find("${{") != std::string::npos) {
    problem(statement->place,
            "`statement` may hold no expression, so that no value can become SQL: write $1 (PostgreSQL) or ? "
            "(MySQL, MariaDB, SQLite), and the expression in `params`");
  } else if (form.statement.size() > kStatementBytesMax) {
    problem(statement->place, "`statement` is longer than 64 KiB");
  } else if (form.statement.find('\0') != std::string::npos) {
    problem(statement->place, "`statement` holds a zero byte");
  } else if (ends_transaction(form.statement)) {
    problem(statement->place,
            "`statement` may not be " + first_word(form.statement) +
                ": each step has a connection and a transaction of its own" +
                (form.execute ? ", which is committed after its one statement" : ", which can only read"));
  }
}

void DefinitionReader::read_sql_params(const lang::Node& with, Call::Impl& call, SqlForm& form) {
  if (const lang::Node* params = with.find("params")) {
    if (!params->is_list() && !(params->is_scalar() && params->scalar.find("${{") != std::string::npos)) {
      problem(params->place, "`params` is a list of values, in the order in which the statement names them");
    } else {
      form.params = take(lang::Template::read(*params, nullptr, problems_), call.before);
    }
  }
  const lang::Node* rows = with.find("maxRows");
  if (rows == nullptr) return;
  const std::string& text = rows->scalar;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, form.rows_max);
  if (!rows->is_scalar() || read.ec != std::errc() || read.ptr != end || form.rows_max < 1 ||
      form.rows_max > kRowsMax) {
    problem(rows->place, "`maxRows` must be a whole number from 1 to 10000");
  }
}

void DefinitionReader::read_sql_effect(const lang::Node& with, Call::Impl& call) {
  call.effect = Effect::kNone;
  call.on_unclear = OnUnclear::kHold;
  const lang::Node* effect = with.find("effect");
  if (effect == nullptr) return;
  const std::optional<Effect> named = effect_named(effect->scalar);
  if (!named || *named == Effect::kLookup || *named == Effect::kRead) {
    problem(effect->place, "`effect: " + effect->scalar +
                               "` is not valid for sql/execute; valid: state, upsert, key, none" +
                               (named == Effect::kRead ? "; what only reads is sql/query" : ""));
    return;
  }
  call.effect = *named;
  if (call.effect != Effect::kKey) return;
  call.key_window = kKeyWindow;
  if (!mentions_key(call.before)) problem(effect->place, "effect key needs `.key` in `params`");
}

std::shared_ptr<const Action> DefinitionReader::sql_action(const lang::Node& with, bool execute) {
  const std::size_t before = problems_.size();
  const std::string name = execute ? "execute" : "query";
  std::vector<std::string> keys;
  for (const WrittenInput& input : execute ? sql_execute_inputs() : sql_query_inputs())
    keys.emplace_back(input.name);
  for (const auto& [key, value] : with.members) {
    if (std::find(keys.begin(), keys.end(), key.scalar) != keys.end()) continue;
    const std::string near = nearest(key.scalar, keys);
    problem(key.place,
            "sql/" + name + " has no `" + key.scalar + "`" +
                (near.empty() ? "; it has: " + join(keys, ", ") : "; did you mean `" + near + "`?"));
  }
  auto call = std::make_shared<Call::Impl>();
  auto form = std::make_shared<SqlForm>();
  form->execute = execute;
  read_sql_statement(with, *form);
  read_sql_params(with, *call, *form);
  if (execute) read_sql_effect(with, *call);
  call->form = std::move(form);
  call->success = bare(with, "success", call->after);
  call->retry = bare(with, "retry", call->after);
  call->refuse = bare(with, "refuse", call->after);
  Scope scope;
  scope.before = lang::Where::kHttp;
  scope.answered = lang::Where::kSqlAnswer;
  scope.open_input = true;
  check_expressions(call->before, scope, false);
  check_expressions(call->after, scope, true);
  const bool broken = std::any_of(problems_.begin() + static_cast<std::ptrdiff_t>(before), problems_.end(),
                                  [](const lang::Problem& one) { return !one.warning; });
  if (broken) return nullptr;
  return written_action(std::move(call), "sql", name, sql_outputs());
}

}  // namespace postlude::connector
