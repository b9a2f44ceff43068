#pragma once
// Action: what a remote system can be asked to do, as data: a list of calls, each built from expressions'
// values and judged by them. Evaluation happens outside; here is only what to evaluate, and what follows from
// the values.
//
//   for each call of action.plan():
//     values = evaluate(call.before(), context)         context: event run workflow vars steps with target
//     requests key prepared = call.prepare(target, values)           skipped, or a request without
//     credentials
//     ... commit it, authorise() it, send it ...
//     values = evaluate(call.after(), context + {"response": response_context(answer)})
//     ending = call.interpret(prepared.request, answer, values, now, masker)
//     requests.<id> = {"request": request_context(prepared.request), "response": response_context(answer)} |
//     null
//   outputs = plan.outputs(evaluate(plan.result(), context))
//
// An action that starts something and waits for it: before its outputs, action.waiting()->judge(evaluate(
// action.waiting()->asks(), context)); while it is not over, the same again later, without what is proved.
//
// A call of effect `lookup` that is unclear: the same with action.lookup(); its outputs are the action's, or
// null. A later use of a step's `key`: the same with action.update(), whose context has `outputs`, those of
// the use before; its outputs, if any, replace members of these.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connector/target.h"
#include "lang/template.h"
#include "model/http.h"
#include "model/run.h"

namespace postlude::connector {

using Values = std::vector<lang::Evaluated>;  // in the order of the expressions they belong to

struct Prepared {
  bool skipped = false;  // its `if` said no, or it is for another edition: `.requests.<id>` is null
  HttpRequest request;   // target: the whole URL, or kSecretUrl and a path; no credentials
};

// How a request ended (contract 9).
struct Ending {
  RequestResult result = RequestResult::kUnclear;
  std::string why;                      // for people; "" when it succeeded
  std::optional<Duration> retry_after;  // what the system asked for
  bool counts_for_breaker = false;      // retryable other than 429, and unclear
  bool answered = false;                // unclear, by a whole 2xx of which no rule says what it means
  bool misread = false;  // since a rule yields neither true nor false: it will not do better next time
  bool gone = false;     // refused, since what the first use made is no longer there
};

// One request of an action.
class Call {
 public:
  const std::string& id() const;  // "request" where the file gives none
  Effect effect() const;
  OnUnclear on_unclear() const;                // of effect none, and of key once its window is over
  std::optional<Duration> key_window() const;  // nullopt: the key holds for ever
  Duration lookup_after() const;               // how long the system's index may lag

  const std::vector<lang::Expression>& before() const;
  // kInvalid, kOverloaded: an expression failed, or the URL would leave the target.
  Result<Prepared> prepare(const Target& target, const Values& values) const;

  // Evaluated only when there is an answer.
  const std::vector<lang::Expression>& after() const;
  // `values` is empty when there was no answer. What the ending says is masked.
  Ending interpret(const HttpRequest& request, const Result<HttpResponse>& answer, const Values& values,
                   Instant now, const Masker& masker) const;

  struct Impl;
  explicit Call(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

// Calls in order, and what they yield.
class Plan {
 public:
  const std::vector<Call>& calls() const { return calls_; }
  const std::vector<lang::Expression>& result() const { return result_; }
  // JSON object; in a lookup also null: the effect was not found; in an update null: nothing is new.
  // kInvalid, kOverloaded: an expression failed.
  Result<json::value> outputs(const Values& values) const;

 private:
  friend class Reader;
  std::vector<Call> calls_;
  std::vector<std::pair<std::string, lang::Template>> outputs_;
  std::optional<lang::Template> found_;  // a lookup's or an update's outputs as one value
  std::vector<lang::Expression> result_;
};

// How an action that starts something knows whether that is over, and how it ended.
class Waiting {
 public:
  enum class Look : std::uint8_t { kNotYet = 1, kGreen, kRed };
  struct Seen {
    Look look = Look::kNotYet;
    std::string why;  // red: what the file says of it, else which expression said no
  };

  Duration every() const { return every_; }
  bool may_be_red() const { return success_; }
  // Evaluated when all requests have ended well.
  const std::vector<lang::Expression>& asks() const { return asks_; }
  // kInvalid, kOverloaded: `until` or `success` failed, or yielded neither true nor false.
  Result<Seen> judge(const Values& values, const Masker& masker) const;

 private:
  friend class Reader;
  Duration every_{};
  std::vector<lang::Expression> asks_;  // `until`, then `success` if there is one, then those of `message`
  bool success_ = false;                // there is one; else whatever is over is green
  std::optional<lang::Template> message_;
};

class InputSchema;  // input.cc

class Action {
 public:
  const std::string& connector() const { return connector_; }
  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::string& edition() const { return edition_; }  // "": any
  const json::value& input() const { return input_; }      // JSON Schema of `with`; null for http/request
  const InputSchema* schema() const { return schema_.get(); }
  const json::value& verified() const {
    return verified_;
  }  // {spec, vector, fake, real}; what has been proved how
  const std::vector<std::string>& output_names() const { return output_names_; }

  const Plan& plan() const { return plan_; }
  const Plan* lookup() const { return lookup_ ? &*lookup_ : nullptr; }
  // Changes what an earlier use with the same `key` made; its expressions see the outputs of that use as
  // `.outputs`. nullptr: the action knows of none.
  const Plan* update() const { return update_ ? &*update_ : nullptr; }
  // nullptr: it has ended when its requests have.
  const Waiting* waiting() const { return waiting_ ? &*waiting_ : nullptr; }

  // All its expressions, to be compiled and announced.
  std::vector<lang::Expression> expressions() const;
  // Hides the members and headers named in `redact` in a JSON text that is going to be stored.
  std::string redact(std::string_view text) const;

 private:
  friend class Reader;
  std::string connector_, name_, summary_, edition_;
  json::value input_, verified_;
  std::shared_ptr<const InputSchema> schema_;  // of input_, compiled
  std::vector<std::string> output_names_, redact_;
  Plan plan_;
  std::optional<Plan> lookup_;
  std::optional<Plan> update_;
  std::optional<Waiting> waiting_;
};

// A connector file.
class Connector {
 public:
  // nullptr when it cannot be used; `problems` tells why, each with its place.
  static std::shared_ptr<const Connector> read(std::string_view yaml, std::string_view file,
                                               lang::Problems& problems);

  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::vector<std::string>& auth() const { return auth_; }
  const std::vector<std::shared_ptr<const Action>>& actions() const { return actions_; }
  std::shared_ptr<const Action> find(std::string_view action) const;  // nullptr: none

  // Adds the connector's own URL and the edition that the URL's host tells; reports a kind of auth that it
  // does not know, an edition that there is none of, a missing URL.
  void settle(Target& target, lang::Problems& problems) const;

 private:
  friend class Reader;
  friend class Catalogue;
  std::string name_, summary_, url_;
  std::vector<std::string> auth_;
  std::vector<std::pair<std::string, std::vector<std::string>>> editions_;  // name, globs of hosts
  std::vector<std::string> gateways_;                                       // globs of hosts
  std::vector<std::shared_ptr<const Action>> actions_;
};

// All connectors of this process: those in the binary, and those of folders, which override them by name.
class Catalogue {
 public:
  static Catalogue built_in();  // CHECKs that our own files are right
  // Adds a file's connector, replacing the one of that name.
  void add(std::string_view yaml, std::string_view file, lang::Problems& problems);
  // nullptr: none. `http` is there too, without actions: its one action is read with the step (http.h).
  const Connector* find(std::string_view name) const;
  std::vector<std::string> names() const;  // sorted
  // Those of folders.
  const std::set<std::string, std::less<>>& own() const { return own_; }

 private:
  std::set<std::string, std::less<>> own_;
  std::vector<std::shared_ptr<const Connector>> connectors_;
};

// `.response` {status, headers (names in lower case), body (JSON if it is JSON, else text; null when empty),
// text}.
json::object response_context(const HttpResponse& response, const json::storage_ptr& room = {});
// `.requests.<id>.request` {method, url, headers, body}.
json::object request_context(const HttpRequest& request, const json::storage_ptr& room = {});

// -- input (input.cc)
// A step's `with`, as evaluated: checked against the action's schema, its defaults filled in. kInvalid names
// the field, what was found and what is wanted; with `written` also the expression it came from.
Result<json::value> validate_input(const Action& action, json::value with,
                                   const lang::Node* written = nullptr);
// Before anything is evaluated: unknown and missing fields, and those whose value is literal.
void check_input(const Action& action, const lang::Node* with, const lang::Place& step,
                 lang::Problems& problems);
// draft-07 that we understand wholly; anything else is a problem. nullptr: there was one.
std::shared_ptr<const InputSchema> read_input_schema(const lang::Node& node, const json::value& schema,
                                                     lang::Problems& problems);

// The JSON Schema of connector files.
std::string_view connector_schema();

}  // namespace postlude::connector
