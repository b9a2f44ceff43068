#include "connector/reader.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "connector/written.h"
#include "lang/schema.h"
#include "lang/secrets.h"

namespace postlude::connector {
namespace {

constexpr std::array<std::string_view, 6> kMethods = {"get", "head", "post", "put", "patch", "delete"};
constexpr Duration kEvery = std::chrono::seconds(10);
// More often is no waiting: each look is a claim, a request and two commits.
constexpr Duration kEveryMin = std::chrono::seconds(1);

const json::value& text_members() {
  static const json::value schema =
      json::parse(R"({"type": "object", "additionalProperties": {"type": "string"}})");
  return schema;
}

bool word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whether `text` has `.name` or `$name` that begins a path, not one that goes on with it.
bool root_at(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  return !word_char(before) && before != ')' && before != ']' && before != '"' && before != '?' &&
         before != '.';
}

const lang::Node* given(const lang::Node& request, const lang::Node* action, std::string_view key) {
  const lang::Node* own = request.find(key);
  return own != nullptr || action == nullptr ? own : action->find(key);
}

// Of the request, or of all requests of the action or the connector.
const lang::Node* sign_of(const lang::Node& request, const lang::Node* action, const lang::Node* connector) {
  const lang::Node* own = given(request, action, "sign");
  return own != nullptr || connector == nullptr ? own : connector->find("sign");
}

bool looks_at_body(const lang::Expression& expression) {
  return expression.text.find(".body") != std::string::npos ||
         expression.text.find(".text") != std::string::npos;
}

bool true_member(const lang::Node* node, std::string_view key) {
  return node != nullptr && node->text(key) == "true";
}

bool body_decides(const lang::Node& request, const lang::Node* action, const lang::Node* connector) {
  if (const lang::Node* own = given(request, action, "bodyDecides")) return own->scalar == "true";
  return true_member(connector, "bodyDecides");
}

std::string read_summary(const lang::Node& node) {
  return std::string(node.text("summary"));
}

std::vector<std::string> scalars(const lang::Node* list) {
  std::vector<std::string> result;
  if (list == nullptr) return result;
  for (const lang::Node& item : list->items)
    result.push_back(item.scalar);
  return result;
}

}  // namespace

std::set<std::string> members_of(std::string_view text, std::string_view root) {
  std::set<std::string> names;
  for (const char sigil : {'.', '$'}) {
    const std::string path = sigil + std::string(root) + ".";
    for (std::size_t at = text.find(path); at != std::string_view::npos; at = text.find(path, at + 1)) {
      std::size_t end = at + path.size();
      while (end < text.size() && word_char(text[end]))
        ++end;
      if (root_at(text, at) && end > at + path.size())
        names.emplace(text.substr(at + path.size(), end - at - path.size()));
    }
  }
  return names;
}

bool mentions_key(const std::vector<lang::Expression>& expressions) {
  for (const lang::Expression& expression : expressions) {
    const std::string_view text = expression.text;
    for (const std::string_view key : {".key", "$key"}) {
      for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
        const std::size_t end = at + key.size();
        if (root_at(text, at) && (end == text.size() || !word_char(text[end]))) return true;
      }
    }
  }
  return false;
}

void DefinitionReader::problem(const lang::Place& place, std::string message) {
  problems_.push_back({place, std::move(message), false});
}

std::optional<std::size_t> DefinitionReader::bare(const lang::Node& node, std::string_view key,
                                                  std::vector<lang::Expression>& into) {
  const lang::Node* member = node.find(key);
  if (member == nullptr) return std::nullopt;
  std::optional<lang::Expression> expression = lang::read_bare(*member, problems_);
  if (!expression) return std::nullopt;
  return take(*std::move(expression), into);
}

std::optional<Duration> DefinitionReader::duration(const lang::Node* node) {
  if (node == nullptr) return std::nullopt;
  const Result<Duration> value = parse_duration(node->scalar);
  if (value) return *value;
  problem(node->place, value.error().message);
  return std::nullopt;
}

void DefinitionReader::check_members(const lang::Expression& expression, const std::string& root,
                                     const std::vector<std::string>& known, std::string_view where) {
  for (const std::string& name : members_of(expression.text, root)) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = nearest(name, known);
    problem(expression.place, "`." + root + "." + name + "` is not in `" + std::string(where) + "`" +
                                  (near.empty() ? "" : "; did you mean `." + root + "." + near + "`?"));
  }
}

void DefinitionReader::check_expressions(const std::vector<lang::Expression>& expressions, const Scope& scope,
                                         bool answered, const std::set<std::size_t>& conditions) {
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const lang::Expression& expression = expressions[i];
    lang::check_names(expression, answered ? scope.answered : scope.before, problems_);
    // Expressions of a workflow are checked together with the workflow.
    if (scope.connector != nullptr) lang::check_mistakes(expression, conditions.contains(i), problems_);
    if (!scope.open_input)
      check_members(expression, "with", {scope.inputs.begin(), scope.inputs.end()}, "input");
    if (scope.updates != nullptr) {
      std::vector<std::string> known;
      for (const auto& [name, value] : scope.updates->outputs_)
        known.push_back(name);
      check_members(expression, "outputs", known, "outputs");
    }
    if (scope.connector == nullptr) continue;  // there `.requests` is no name
    for (const std::string& id : members_of(expression.text, "requests")) {
      if (scope.ids.contains(id)) continue;
      problem(expression.place, "`.requests." + id + "`: there is no request `" + id + "` before this one");
    }
  }
}

void DefinitionReader::read_id(const lang::Node& node, Scope& scope, Call::Impl& into) {
  const lang::Node* id = node.find("id");
  if (id == nullptr) {
    if (scope.count > 1) problem(node.place, "a request among several needs an `id`");
    if (scope.lookup) into.id = "lookup";
    return;
  }
  into.id = id->scalar;
  if (scope.ids.contains(into.id)) problem(id->place, "two requests have the id `" + into.id + "`");
}

void DefinitionReader::read_method(const lang::Node& node, const Scope& scope, Call::Impl& into,
                                   HttpForm& form) {
  const lang::Node* path = nullptr;
  for (const std::string_view method : kMethods) {
    const lang::Node* member = node.find(method);
    if (member == nullptr) continue;
    if (path != nullptr) {
      problem(member->place, "a request has one method; this one has `" + lower(form.method) + "` and `" +
                                 std::string(method) + "`");
      return;
    }
    path = member;
    for (const char c : method)
      form.method += static_cast<char>(c - 'a' + 'A');
  }
  if (path == nullptr) {
    problem(node.place, scope.lookup ? "a request in `lookup` needs `get` or `post`"
                                     : "a request needs one of: get, head, post, put, patch, delete, mail");
    return;
  }
  form.path = take(lang::Template::read_text(*path, problems_), into.before);
  for (std::size_t i = form.path.begin; i < into.before.size(); ++i) {
    if (into.before[i].text.find("@uri") == std::string::npos) {
      problem(into.before[i].place, "an expression in a path must end in `| @uri`");
    }
  }
  if (!path->scalar.empty() && path->scalar[0] != '/') {
    problem(path->place, "a path begins with a slash; the host is the target's");
  }
}

void DefinitionReader::read_body(const lang::Node& node, Call::Impl& into, HttpForm& form) {
  if (const lang::Node* query = node.find("query")) {
    form.query = take(lang::Template::read(*query, &text_members(), problems_), into.before);
  }
  if (const lang::Node* headers = node.find("headers")) {
    for (const auto& [key, value] : headers->members) {
      const std::string objection = header_objection(key.scalar);
      if (!objection.empty()) problem(key.place, objection);
      if (value.is_scalar() && lang::looks_secret(key.scalar, value.scalar)) {
        problems_.push_back({value.place,
                             "the header `" + key.scalar +
                                 "` has its value written out, for all who read this file: let the target "
                                 "send it, by `auth: {header: " +
                                 key.scalar + ", secret: {env: NAME}}`",
                             true});
      }
    }
    form.headers = take(lang::Template::read(*headers, &text_members(), problems_), into.before);
  }
  for (const char* key : {"query", "headers", "body", "form", "message"}) {
    if (const lang::Node* text = node.find(key)) lang::check_bare_paths(*text, {}, problems_);
  }
  const lang::Node* body = node.find("body");
  const lang::Node* fields = node.find("form");
  const lang::Node* encode = node.find("encode");
  if (body != nullptr && fields != nullptr)
    problem(fields->place, "a request has `body` or `form`, not both");
  if (encode != nullptr && body == nullptr) problem(encode->place, "`encode` needs `body`");
  const lang::Node* either = fields != nullptr ? fields : body;
  if (either == nullptr) return;
  if (form.method == "GET" || form.method == "HEAD") {
    problem(either->place, "a request with `" + lower(form.method) + "` has no body");
  }
  const std::string how = fields != nullptr ? "form" : encode != nullptr ? encode->scalar : "json";
  form.encoding = how == "form" ? Encoding::kForm : how == "text" ? Encoding::kText : Encoding::kJson;
  const json::value* schema = form.encoding == Encoding::kForm ? &text_members() : nullptr;
  form.body = take(lang::Template::read(*either, schema, problems_), into.before);
}

void DefinitionReader::read_sign(const lang::Node& sign, HttpForm& form) {
  form.signing = read_signing(sign, problems_);
  if (!form.signing || form.method.empty()) return;
  const bool body = form.body.has_value();
  if (form.signing->scheme == Signing::Scheme::kFeishu && (!body || form.encoding != Encoding::kJson))
    problem(sign.place, "Feishu's signature goes into a JSON body: the request needs `body`");
}

void DefinitionReader::read_effect(const lang::Node& node, const Scope& scope, Call::Impl& into,
                                   const std::string& method) {
  const bool safe = method == "GET" || method == "HEAD";
  if (const lang::Node* own = node.find("effect"); safe || scope.lookup) {
    if (own != nullptr && own->scalar != "read") {
      problem(own->place, "`" + lower(method) + "` is read; its `effect` can only be read");
    }
    into.effect = Effect::kRead;
    return;
  }
  if (method.empty()) return;  // said already
  const lang::Node* effect = given(node, scope.action, "effect");
  if (effect == nullptr) {
    problem(node.place,
            "`effect` is missing: it says whether the request may be repeated; valid: state, upsert, key, "
            "lookup, none");
    return;
  }
  into.effect = effect_named(effect->scalar).value_or(Effect::kNone);
  if (into.effect == Effect::kRead && method != "POST") {
    problem(effect->place,
            "`" + lower(method) + "` is not read; its effect is state, upsert, key, lookup or none");
  }
  const lang::Node* on_unclear = given(node, scope.action, "onUnclear");
  if (on_unclear != nullptr) {
    into.on_unclear = on_unclear_named(on_unclear->scalar).value_or(OnUnclear::kHold);
  } else if (into.effect == Effect::kNone) {
    problem(node.place, "a request of effect none must state `onUnclear`: repeat, hold or fail");
  }
  into.key_window = duration(given(node, scope.action, "keyWindow"));
  if (into.effect == Effect::kKey && !into.key_window) {
    problem(node.place,
            "a request of effect key must state `keyWindow`: how long the system remembers a key");
  }
  into.lookup_after = duration(given(node, scope.action, "lookupAfter")).value_or(Duration::zero());
  if ((into.effect == Effect::kKey || into.effect == Effect::kLookup) && !mentions_key(into.before)) {
    problem(node.place, "a request of effect " + effect->scalar + " must send `.key`, and this one does not");
  }
}

void DefinitionReader::read_rules(const lang::Node& node, const Scope& scope, Call::Impl& into) {
  into.success = bare(node, "success", into.after);
  into.exists = bare(node, "exists", into.after);
  into.retry = bare(node, "retry", into.after);
  into.refuse = bare(node, "refuse", into.after);
  into.gone = bare(node, "gone", into.after);
  into.unclear = bare(node, "unclear", into.after);
  into.retry_after = bare(node, "retryAfter", into.after);
  if (const lang::Node* message = node.find("message")) {
    into.message = take(lang::Template::read(*message, nullptr, problems_), into.after);
  }
  if (!body_decides(node, scope.action, scope.connector)) return;
  if (!into.success) {
    problem(node.place,
            "where the body decides (`bodyDecides`), a request needs a `success` that looks at it");
  } else if (!looks_at_body(into.after[*into.success])) {
    problem(into.after[*into.success].place,
            "where the body decides (`bodyDecides`), `success` must look at `.response.body`, not at the "
            "status alone");
  }
}

void DefinitionReader::read_http(const lang::Node& node, const Scope& scope, Call::Impl& into) {
  auto form = std::make_shared<HttpForm>();
  read_method(node, scope, into, *form);
  read_body(node, into, *form);
  read_effect(node, scope, into, form->method);
  if (const lang::Node* sign = sign_of(node, scope.action, scope.connector)) {
    read_sign(*sign, *form);
    const lang::Node* headers = node.find("headers");
    const bool named = headers != nullptr &&
                       std::any_of(headers->members.begin(), headers->members.end(), [](const auto& member) {
                         return equal_ignoring_case(member.first.scalar, kWebhookId);
                       });
    if (form->signing && form->signing->scheme == Signing::Scheme::kStandardWebhooks && !named) {
      problem(node.place,
              "Standard Webhooks sign the header `webhook-id`: set it, as in `headers: {webhook-id: "
              "'${{ .key }}'}`");
    }
  }
  into.form = std::move(form);
}

std::shared_ptr<Call::Impl> DefinitionReader::call(const lang::Node& node, Scope& scope) {
  auto impl = std::make_shared<Call::Impl>();
  read_id(node, scope, *impl);
  impl->edition = node.text("edition");
  impl->condition = bare(node, "if", impl->before);
  if (const lang::Node* mail = node.find("mail")) {
    read_mail(node, *mail, scope, *impl);
  } else {
    read_http(node, scope, *impl);
  }
  read_rules(node, scope, *impl);
  std::set<std::size_t> conditions;
  if (impl->condition) conditions.insert(*impl->condition);
  check_expressions(impl->before, scope, false, conditions);
  scope.ids.insert(impl->id);
  conditions.clear();
  for (const auto& rule :
       {impl->success, impl->exists, impl->retry, impl->refuse, impl->gone, impl->unclear}) {
    if (rule) conditions.insert(*rule);
  }
  check_expressions(impl->after, scope, true, conditions);
  return impl;
}

Plan DefinitionReader::plan(const lang::Node& requests, Scope& scope) {
  Plan result;
  scope.count = requests.items.size();
  for (const lang::Node& node : requests.items)
    result.calls_.emplace_back(call(node, scope));
  return result;
}

void DefinitionReader::read_outputs(const lang::Node& node, const Scope& scope, Plan& into) {
  const lang::Node* outputs = node.find("outputs");
  if (outputs == nullptr) return;
  lang::check_bare_paths(*outputs, {}, problems_);
  for (const auto& [key, value] : outputs->members) {
    lang::Template read = lang::Template::read(value, nullptr, problems_);
    read.collect(into.result_);
    into.outputs_.emplace_back(key.scalar, std::move(read));
  }
  check_expressions(into.result_, scope, false);
}

void DefinitionReader::read_last_outputs(const lang::Node& requests, const Scope& scope, Plan& into) {
  for (std::size_t i = 0; i < requests.items.size(); ++i) {
    const lang::Node& request = requests.items[i];
    const lang::Node* outputs = request.find("outputs");
    const bool last = i + 1 == requests.items.size();
    const std::string list = scope.lookup ? "lookup" : "update";
    if (last && outputs == nullptr && scope.lookup) {
      problem(request.place,
              "the last request of `lookup` needs `outputs`: one value, or null when nothing is there");
    } else if (!last && outputs != nullptr) {
      problem(outputs->place, "only the last request of `" + list + "` has `outputs`");
    } else if (outputs != nullptr) {
      lang::Template read = lang::Template::read(*outputs, nullptr, problems_);
      read.collect(into.result_);
      if (read.literal()) problem(outputs->place, "`outputs` of " + list + " must be an expression");
      into.found_ = std::move(read);
    }
  }
  check_expressions(into.result_, scope, false);
  if (!scope.lookup) return;
  std::vector<lang::Expression> all = into.result_;
  for (const Call& call : into.calls_) {
    all.insert(all.end(), call.before().begin(), call.before().end());
  }
  if (!mentions_key(all)) problem(requests.place, "`lookup` must search for `.key`, and this one does not");
}

void DefinitionReader::check_effects(const lang::Node& node, const Plan& plan,
                                     const std::optional<Plan>& lookup) {
  const lang::Node& requests = *node.find("requests");
  const lang::Node* shared = node.find("effect");
  const std::optional<Effect> effect = shared == nullptr ? std::nullopt : effect_named(shared->scalar);
  const bool single =
      effect && (*effect == Effect::kNone || *effect == Effect::kKey || *effect == Effect::kLookup);
  std::size_t under = 0;
  std::optional<std::size_t> looked_up;
  bool keyed = false;
  for (std::size_t i = 0; i < plan.calls().size(); ++i) {
    const Call& call = plan.calls()[i];
    const lang::Place& place = requests.items[i].place;
    if (single && call.effect() == *effect && requests.items[i].find("effect") == nullptr && ++under == 2) {
      problem(place, "two writes under one effect " + shared->scalar + ": give each its own `effect`");
    }
    keyed = keyed || call.effect() == Effect::kKey;
    if (looked_up && call.effect() != Effect::kRead) {
      problem(place,
              call.effect() == Effect::kLookup
                  ? "two writes under one `lookup`: it could not tell which of them it found"
                  : "a write after one of effect lookup would be left out when the lookup finds the effect");
    }
    if (call.effect() == Effect::kLookup) {
      if (!lookup) problem(place, "a request of effect lookup needs `lookup` in its action");
      looked_up = i;
    }
  }
  if (lookup && !looked_up && !keyed) {
    problem(node.find("lookup")->place, "`lookup` is of use only to a request of effect lookup or key");
  }
}

// An update that changes nothing is none, and what it did cannot be looked for: `lookup` finds what the first
// use made.
void DefinitionReader::check_update(const lang::Node& requests, const Plan& update) {
  bool writes = false;
  for (std::size_t i = 0; i < update.calls().size(); ++i) {
    const Effect effect = update.calls()[i].effect();
    writes = writes || effect != Effect::kRead;
    if (effect == Effect::kLookup) {
      problem(
          requests.items[i].place,
          "a request of `update` cannot be of effect lookup, which finds what the first use made: give it "
          "state, upsert, key or none");
    }
  }
  if (!writes) problem(requests.place, "`update` must change something, but all its requests only read");
}

// Checks that `until` reads the answer of a request that each poll repeats.
void DefinitionReader::check_until(const lang::Expression& until, const Plan& plan) {
  const std::set<std::string> named = members_of(until.text, "requests");
  const bool reads = std::any_of(plan.calls().begin(), plan.calls().end(), [&](const Call& call) {
    return call.effect() == Effect::kRead && (named.empty() || named.contains(call.id()));
  });
  if (reads && until.text.find("requests") != std::string::npos) return;
  problem(until.place,
          "`until` must look at the answer of a request that reads, as in `.requests.ID.response.body`: only "
          "these are made again");
}

void DefinitionReader::read_waiting(const lang::Node& node, const Scope& scope, Action& into) {
  const lang::Node* wait = node.find("wait");
  if (wait == nullptr) return;
  Waiting waiting;
  waiting.every_ = duration(wait->find("every")).value_or(kEvery);
  if (waiting.every_ < kEveryMin) {
    problem(wait->find("every")->place,
            "`every` is at least " + to_text(kEveryMin) + ", not " + std::string(wait->text("every")));
  }
  if (bare(*wait, "until", waiting.asks_)) check_until(waiting.asks_.front(), into.plan_);
  waiting.success_ = bare(*wait, "success", waiting.asks_).has_value();
  if (const lang::Node* message = wait->find("message")) {
    waiting.message_ = lang::Template::read(*message, nullptr, problems_);
    waiting.message_->collect(waiting.asks_);
    if (!waiting.success_) {
      problem(message->place, "`message` says why the job failed, so it needs `success` beside it");
    }
  }
  check_expressions(waiting.asks_, scope, false, {0, waiting.success_ ? 1U : 0U});
  if (node.find("update") != nullptr) {
    problem(wait->place,
            "an action with `update` cannot wait: `until` looks at its requests, and an update "
            "makes others");
  }
  into.waiting_ = std::move(waiting);
}

void DefinitionReader::check_editions(const Connector& of, const lang::Node& node) {
  std::vector<std::string> known;
  for (const auto& [name, globs] : of.editions_)
    known.push_back(name);
  const auto check = [&](const lang::Node& holder) {
    const lang::Node* edition = holder.find("edition");
    if (edition == nullptr || std::find(known.begin(), known.end(), edition->scalar) != known.end()) return;
    problem(edition->place, "there is no edition `" + edition->scalar + "`" +
                                (known.empty() ? "; the connector names no `editions`"
                                               : "; there are: " + join(known, ", ")));
  };
  check(node);
  for (const char* list : {"requests", "lookup", "update"}) {
    const lang::Node* requests = node.find(list);
    if (requests == nullptr) continue;
    for (const lang::Node& request : requests->items)
      check(request);
  }
}

std::shared_ptr<const Action> DefinitionReader::action(const Connector& of, const lang::Node& connector,
                                                       const lang::Node& name, const lang::Node& node) {
  auto result = std::make_shared<Action>();
  result->connector_ = of.name_;
  result->name_ = name.scalar;
  result->summary_ = read_summary(node);
  result->edition_ = node.text("edition");
  result->redact_ = scalars(node.find("redact"));
  check_editions(of, node);

  const lang::Node& input = *node.find("input");
  result->input_ = lang::to_json(input);
  Scope scope;
  scope.action = &node;
  scope.connector = &connector;
  if (result->input_.is_object()) {
    json::object& schema = result->input_.get_object();
    if (!schema.contains("type")) schema["type"] = "object";
    scope.open_input = schema.contains("additionalProperties") || schema.contains("patternProperties");
    if (!schema.contains("additionalProperties")) schema["additionalProperties"] = false;
    if (const json::value* properties = postlude::find(result->input_, "properties");
        properties && properties->is_object()) {
      for (const auto& member : properties->get_object()) {
        scope.inputs.emplace(member.key().data(), member.key().size());
      }
    }
  }
  result->schema_ = read_input_schema(input, result->input_, problems_);
  Scope later = scope;  // an update is made instead of the requests: it sees none of them
  result->plan_ = plan(*node.find("requests"), scope);
  read_outputs(node, scope, result->plan_);
  const Scope asked = scope;
  for (const auto& [output, value] : result->plan_.outputs_)
    result->output_names_.push_back(output);
  if (const lang::Node* lookup = node.find("lookup")) {
    scope.lookup = true;
    result->lookup_ = plan(*lookup, scope);
    read_last_outputs(*lookup, scope, *result->lookup_);
  }
  if (const lang::Node* update = node.find("update")) {
    later.before = lang::Where::kUpdate;
    later.answered = lang::Where::kUpdateAnswer;
    later.updates = &result->plan_;
    result->update_ = plan(*update, later);
    read_last_outputs(*update, later, *result->update_);
    check_update(*update, *result->update_);
  }
  check_effects(node, result->plan_, result->lookup_);
  read_waiting(node, asked, *result);
  if (const lang::Node* verified = node.find("verified")) result->verified_ = lang::to_json(*verified);
  return result;
}

std::shared_ptr<const Connector> DefinitionReader::connector(const lang::Node& root) {
  const Result<json::value> schema = parse_json(connector_schema());
  const std::size_t before = problems_.size();
  lang::check_against(root, *schema, problems_);
  if (problems_.size() > before && lang::any_error(problems_)) return nullptr;
  auto result = std::make_shared<Connector>();
  result->name_ = root.text("connector");
  if (written(result->name_) != nullptr)
    problem(root.find("connector")->place, "`" + result->name_ + "` is built in and cannot be replaced");
  result->summary_ = read_summary(root);
  result->auth_ = scalars(root.find("auth"));
  if (const lang::Node* url = root.find("url")) {
    const Result<Url> parsed = parse_url(url->scalar);
    if (!parsed) problem(url->place, "`url`: " + parsed.error().message);
    result->url_ = url->scalar;
    while (result->url_.ends_with('/'))
      result->url_.pop_back();
  }
  if (const lang::Node* editions = root.find("editions")) {
    for (const auto& [key, globs] : editions->members)
      result->editions_.emplace_back(key.scalar, scalars(&globs));
  }
  result->gateways_ = scalars(root.find("gateways"));
  for (const auto& [name, node] : root.find("actions")->members) {
    result->actions_.push_back(action(*result, root, name, node));
  }
  for (std::size_t i = before; i < problems_.size(); ++i) {
    if (!problems_[i].warning) return nullptr;
  }
  return result;
}

}  // namespace postlude::connector
