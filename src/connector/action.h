#pragma once
// Action: what a remote system can be asked to do, as data: a list of calls. Values of expressions build each
// call and interpret its answer. The caller evaluates the expressions; this code says which, and what
// follows.
//
//   for each call of action.plan():                 context: event run workflow vars steps with target
//     values = evaluate(call.before(), context)              requests key
//     ask = call.prepare(target, values)            null: skipped; without credentials
//     ... commit it, authorise() it, have an edge carry it out ...
//     values = evaluate(call.after(), context + {"response": context_of(reply)})
//     ending = call.interpret(ask, reply, values, now, masker)
//     requests.<id> = {"request": context_of(ask), "response": context_of(reply)} | null
//   outputs = plan.outputs(evaluate(plan.result(), context))
//
// authorise() and context_of() are those of the call's kind (kind.h).
//
// An action that starts a job and waits for it: before its outputs, call action.waiting()->judge(evaluate(
// action.waiting()->asks(), context)). While the job runs, poll again later, by sending the reads only.
//
// After an unclear call of effect `lookup`: the same with action.lookup(); its outputs are the action's, or
// null. For a later use of a step's `key`: the same with action.update(), whose context has the outputs of
// the use before as `outputs`; its own outputs, if any, replace members of these.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connector/kind.h"
#include "lang/template.h"

namespace postlude::connector {

using Values = std::vector<lang::Evaluated>;  // in the order of their expressions

// How a request ended (contract 9).
struct Ending {
  RequestResult result = RequestResult::kUnclear;
  std::string why;                      // for people; "" if it succeeded
  std::optional<Duration> retry_after;  // the delay that the system asked for
  bool counts_for_breaker = false;      // retryable other than 429, and unclear
  bool answered = false;                // unclear: a whole 2xx arrived, and no rule says what it means
  bool misread = false;                 // a rule yields neither true nor false, so repeating does not help
  bool gone = false;                    // refused, because the object of the first use no longer exists
};

// One request of an action.
class Call {
 public:
  const std::string& id() const;  // "request" if the file gives none
  const Kind& kind() const;
  Effect effect() const;
  OnUnclear on_unclear() const;                // for effect none, and for effect key after its window
  std::optional<Duration> key_window() const;  // nullopt: the system remembers the key for ever
  Duration lookup_after() const;               // the maximum delay of the system's index

  const std::vector<lang::Expression>& before() const;
  // nullopt: its `if` said no, or it is for another edition: `.requests.<id>` is null. kInvalid, kOverloaded:
  // an expression failed, or its result may not be asked.
  Result<std::optional<Ask>> prepare(const Target& target, const Values& values) const;
  // Adds the credentials and signs, as late as possible: what comes back must not be stored, shown or
  // evaluated, and must not be sent twice. kNotFound, kInvalid: a secret is missing, or cannot be used.
  Result<Ask> authorise(Ask ask, const Target& target, const Credentials& credentials) const;
  bool signs() const;            // its request is signed, if the target names a secret for it
  bool needs_signature() const;  // and the target must name one

  // Evaluate these only if there is an answer.
  const std::vector<lang::Expression>& after() const;
  // The ending's text is masked.
  Ending interpret(const Ask& ask, const Reply& reply, const Values& values, Instant now,
                   const Masker& masker) const;
  // There is no reply.
  Ending interpret(const Ask& ask, const Error& error, const Masker& masker) const;

  struct Impl;
  explicit Call(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  Ending settled(Ending ending) const;
  std::shared_ptr<const Impl> impl_;
};

// Calls in order, and their outputs.
class Plan {
 public:
  const std::vector<Call>& calls() const { return calls_; }
  const std::vector<lang::Expression>& result() const { return result_; }
  // A JSON object. In a lookup null means that the effect was not found; in an update, that nothing is new.
  // kInvalid, kOverloaded: an expression failed.
  Result<json::value> outputs(const Values& values) const;

 private:
  friend class DefinitionReader;
  std::vector<Call> calls_;
  std::vector<std::pair<std::string, lang::Template>> outputs_;
  std::optional<lang::Template> found_;  // a lookup's or an update's outputs as one value
  std::vector<lang::Expression> result_;
};

// Whether a job that an action started has ended, and how.
class Waiting {
 public:
  enum class JobState : std::uint8_t { kRunning = 1, kSucceeded, kFailed };
  struct JobStatus {
    JobState state = JobState::kRunning;
    std::string why;  // of a failure: what `message` yields, else the expression that was false
  };

  Duration every() const { return every_; }
  bool may_fail() const { return success_; }
  // Evaluate these once all requests have succeeded.
  const std::vector<lang::Expression>& asks() const { return asks_; }
  // kInvalid, kOverloaded: `until` or `success` failed, or yielded neither true nor false.
  Result<JobStatus> judge(const Values& values, const Masker& masker) const;

 private:
  friend class DefinitionReader;
  Duration every_{};
  std::vector<lang::Expression> asks_;  // `until`, then `success` if there is one, then those of `message`
  bool success_ = false;                // there is one; else every job that has ended has succeeded
  std::optional<lang::Template> message_;
};

class InputSchema;  // see input.cc

class Action {
 public:
  const std::string& connector() const { return connector_; }
  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::string& edition() const { return edition_; }  // "": any
  const json::value& input() const { return input_; }      // the JSON Schema of `with`; null for http/request
  const InputSchema* schema() const { return schema_.get(); }
  const json::value& verified() const {
    return verified_;
  }  // {spec, vector, fake, real}: how far the action was tested, and how
  const std::vector<std::string>& output_names() const { return output_names_; }

  const Plan& plan() const { return plan_; }
  const Plan* lookup() const { return lookup_ ? &*lookup_ : nullptr; }
  // Updates what an earlier use with the same `key` created. Its expressions see the outputs of that use as
  // `.outputs`. nullptr: the action has no update.
  const Plan* update() const { return update_ ? &*update_ : nullptr; }
  // nullptr: the action has ended once its requests have.
  const Waiting* waiting() const { return waiting_ ? &*waiting_ : nullptr; }

  // It is written in a step, with expressions of the workflow (written.h).
  bool written() const { return written_; }

  std::vector<Call> calls() const;  // of all its lists
  // All its expressions, to compile and announce.
  std::vector<lang::Expression> expressions() const;
  // Hides the members and headers named in `redact` in a JSON text before it is stored.
  std::string redact(std::string_view text) const;

 private:
  friend class DefinitionReader;
  std::string connector_, name_, summary_, edition_;
  json::value input_, verified_;
  std::shared_ptr<const InputSchema> schema_;  // of input_, compiled
  std::vector<std::string> output_names_, redact_;
  Plan plan_;
  std::optional<Plan> lookup_;
  std::optional<Plan> update_;
  std::optional<Waiting> waiting_;
  bool written_ = false;
};

// A connector file.
class Connector {
 public:
  // nullptr if the file cannot be used; `problems` has the reasons, with places.
  static std::shared_ptr<const Connector> read(std::string_view yaml, std::string_view file,
                                               lang::Problems& problems);

  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }
  const std::vector<std::string>& auth() const { return auth_; }
  const std::vector<std::shared_ptr<const Action>>& actions() const { return actions_; }
  std::shared_ptr<const Action> find(std::string_view action) const;  // nullptr: none

  // Adds the connector's own URL, and the edition that belongs to the URL's host. Reports an unsupported kind
  // of auth, an unknown edition, a missing URL, and one that is not of the kind of its calls.
  void settle(Target& target, lang::Problems& problems) const;

 private:
  friend class DefinitionReader;
  friend class Catalogue;
  void check_kind(const Target& target, lang::Problems& problems) const;
  std::string name_, summary_, url_;
  std::vector<std::string> auth_;
  std::vector<std::pair<std::string, std::vector<std::string>>> editions_;  // name, globs of hosts
  std::vector<std::string> gateways_;                                       // globs of hosts
  std::vector<std::shared_ptr<const Action>> actions_;
};

// All connectors of this process: the built-in ones, and those of folders, which replace built-in ones by
// name.
class Catalogue {
 public:
  static Catalogue built_in();  // CHECKs that the built-in files are valid
  // Adds a file's connector, replacing the one of that name.
  void add(std::string_view yaml, std::string_view file, lang::Problems& problems);
  // nullptr: there is none. Those whose actions are written in steps have no actions here (written.h).
  const Connector* find(std::string_view name) const;
  std::vector<std::string> names() const;  // sorted
  // The connectors of folders.
  const std::set<std::string, std::less<>>& own() const { return own_; }

 private:
  std::set<std::string, std::less<>> own_;
  std::vector<std::shared_ptr<const Connector>> connectors_;
};

// -- input (input.cc)
// Checks a step's evaluated `with` against the action's schema, and adds the defaults. kInvalid names the
// field, the value, and what was expected; with `written` also the expression.
Result<json::value> validate_input(const Action& action, json::value with,
                                   const lang::Node* written = nullptr);
// Checks before evaluation: unknown and missing fields, and fields with literal values.
void check_input(const Action& action, const lang::Node* with, const lang::Place& step,
                 lang::Problems& problems);
// Compiles JSON Schema draft-07. Every keyword must be supported; others are problems. nullptr: there was a
// problem.
std::shared_ptr<const InputSchema> read_input_schema(const lang::Node& node, const json::value& schema,
                                                     lang::Problems& problems);

// The JSON Schema of connector files.
std::string_view connector_schema();

}  // namespace postlude::connector
