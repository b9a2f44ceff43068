#pragma once
// DefinitionReader: reads connectors and actions from YAML, and reports every error in them. Only for this
// folder.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "connector/action.h"
#include "connector/call.h"
#include "connector/http_form.h"
#include "connector/mail_form.h"
#include "connector/sql_form.h"

namespace postlude::connector {

class DefinitionReader {
 public:
  explicit DefinitionReader(lang::Problems& problems) : problems_(problems) {}

  std::shared_ptr<const Connector> connector(const lang::Node& root);
  std::shared_ptr<const Action> http_request(const lang::Node& with);              // in http.cc
  std::shared_ptr<const Action> sql_action(const lang::Node& with, bool execute);  // in sql.cc

 private:
  // What applies to all requests of one list.
  struct Scope {
    lang::Where before = lang::Where::kRequest;   // the context of expressions that build a request
    lang::Where answered = lang::Where::kAnswer;  // the context of those that interpret the answer
    const lang::Node* action = nullptr;  // its effect, onUnclear, … apply to requests that give none
    const lang::Node* connector = nullptr;
    std::set<std::string> inputs;  // the members of `with`
    bool open_input = false;       // `with` may have any member
    std::set<std::string> ids;     // of the requests before this one
    bool lookup = false;
    const Plan* updates = nullptr;  // the plan whose outputs are `.outputs`
    std::size_t count = 0;
  };

  void read_http_headers(const lang::Node& with, Call::Impl& call, HttpForm& form);
  void read_http_method(const lang::Node& with, HttpForm& form);
  void read_http_place(const lang::Node& with, Call::Impl& call, HttpForm& form);
  void check_path(const lang::Node& path);
  void check_pairs(const lang::Node& with, std::string_view key, bool lists);
  void read_http_effect(const lang::Node& with, Call::Impl& call, const HttpForm& form);
  void read_http_body(const lang::Node& with, Call::Impl& call, HttpForm& form);
  void read_sql_statement(const lang::Node& with, SqlForm& form);
  void read_sql_params(const lang::Node& with, Call::Impl& call, SqlForm& form);
  void read_sql_effect(const lang::Node& with, Call::Impl& call);
  // The action's outputs are those members of the reply.
  std::shared_ptr<const Action> written_action(std::shared_ptr<const Call::Impl> call, std::string connector,
                                               std::string name, const std::vector<std::string>& outputs);

  void problem(const lang::Place& place, std::string message);
  std::shared_ptr<const Action> action(const Connector& of, const lang::Node& connector,
                                       const lang::Node& name, const lang::Node& node);
  Plan plan(const lang::Node& requests, Scope& scope);
  std::shared_ptr<Call::Impl> call(const lang::Node& node, Scope& scope);
  void read_id(const lang::Node& node, Scope& scope, Call::Impl& into);
  void read_method(const lang::Node& node, const Scope& scope, Call::Impl& into, HttpForm& form);
  void read_body(const lang::Node& node, Call::Impl& into, HttpForm& form);
  void read_sign(const lang::Node& sign, HttpForm& form);
  void read_http(const lang::Node& node, const Scope& scope, Call::Impl& into);
  void read_mail(const lang::Node& node, const lang::Node& mail, const Scope& scope, Call::Impl& into);
  void read_effect(const lang::Node& node, const Scope& scope, Call::Impl& into, const std::string& method);
  void read_rules(const lang::Node& node, const Scope& scope, Call::Impl& into);
  void read_outputs(const lang::Node& node, const Scope& scope, Plan& into);
  // Of a lookup, and of an update: one value, on the last request.
  void read_last_outputs(const lang::Node& requests, const Scope& scope, Plan& into);

  void read_waiting(const lang::Node& node, const Scope& scope, Action& into);
  void check_until(const lang::Expression& until, const Plan& plan);
  void check_effects(const lang::Node& node, const Plan& plan, const std::optional<Plan>& lookup);
  void check_editions(const Connector& of, const lang::Node& node);
  void check_update(const lang::Node& requests, const Plan& update);
  void check_members(const lang::Expression& expression, const std::string& root,
                     const std::vector<std::string>& known, std::string_view where);
  // `conditions`: indexes of the expressions that must yield true or false.
  void check_expressions(const std::vector<lang::Expression>& expressions, const Scope& scope, bool answered,
                         const std::set<std::size_t>& conditions = {});

  // Appends the member, as an expression, to `into`; nullopt if it is missing or invalid.
  std::optional<std::size_t> bare(const lang::Node& node, std::string_view key,
                                  std::vector<lang::Expression>& into);
  std::optional<Duration> duration(const lang::Node* node);

  lang::Problems& problems_;
};

// The members that `text` uses, as in `.with.name`: each name once.
std::set<std::string> members_of(std::string_view text, std::string_view root);
bool mentions_key(const std::vector<lang::Expression>& expressions);

}  // namespace postlude::connector
