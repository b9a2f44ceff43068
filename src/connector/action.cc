#include "connector/action.h"

#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "connector/embedded.h"
#include "connector/reader.h"
#include "connector/written.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

bool listed(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& n) { return equal_ignoring_case(n, name); });
}

void redact_members(json::value& value, const std::vector<std::string>& names) {
  if (value.is_array()) {
    for (json::value& item : value.get_array())
      redact_members(item, names);
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) {
      if (listed(names, {member.key().data(), member.key().size()})) {
        member.value() = "***";
      } else {
        redact_members(member.value(), names);
      }
    }
  }
}

}  // namespace

Result<json::value> Plan::outputs(const Values& values) const {
  CHECK(values.size() == result_.size());
  if (found_) {
    TRY(json::value found, found_->assemble(values));
    if (!found.is_null() && !found.is_object()) {
      return Error(Code::kInvalid,
                   "the outputs of a lookup or an update must be an object or null, not " + to_text(found));
    }
    return found;
  }
  json::object outputs;
  std::size_t at = 0;
  for (const auto& [name, value] : outputs_) {
    std::vector<lang::Expression> own;
    value.collect(own);
    const auto from = values.begin() + static_cast<std::ptrdiff_t>(at);
    TRY(outputs[name], value.assemble(Values(from, from + static_cast<std::ptrdiff_t>(own.size()))));
    at += own.size();
  }
  return json::value(std::move(outputs));
}

std::vector<Call> Action::calls() const {
  std::vector<Call> all;
  for (const Plan* plan : {&plan_, lookup(), update()}) {
    if (plan != nullptr) all.insert(all.end(), plan->calls().begin(), plan->calls().end());
  }
  return all;
}

std::vector<lang::Expression> Action::expressions() const {
  std::vector<lang::Expression> all;
  for (const Plan* plan : {&plan_, lookup(), update()}) {
    if (plan == nullptr) continue;
    for (const Call& call : plan->calls()) {
      all.insert(all.end(), call.before().begin(), call.before().end());
      all.insert(all.end(), call.after().begin(), call.after().end());
    }
    all.insert(all.end(), plan->result().begin(), plan->result().end());
  }
  if (waiting_) all.insert(all.end(), waiting_->asks().begin(), waiting_->asks().end());
  return all;
}

std::string Action::redact(std::string_view text) const {
  if (redact_.empty()) return std::string(text);
  Result<json::value> value = parse_json(text);
  if (!value) return std::string(text);
  redact_members(*value, redact_);
  return to_text(*value);
}

std::shared_ptr<const Connector> Connector::read(std::string_view yaml, std::string_view file,
                                                 lang::Problems& problems) {
  const std::size_t before = problems.size();
  const std::optional<lang::Node> root = lang::read_yaml(yaml, file, problems);
  const auto error = [](const lang::Problem& p) { return !p.warning; };
  if (!root || std::any_of(problems.begin() + static_cast<std::ptrdiff_t>(before), problems.end(), error)) {
    return nullptr;
  }
  return DefinitionReader(problems).connector(*root);
}

std::shared_ptr<const Action> Connector::find(std::string_view action) const {
  for (const std::shared_ptr<const Action>& a : actions_) {
    if (a->name() == action) return a;
  }
  return nullptr;
}

void Connector::settle(Target& target, lang::Problems& problems) const {
  const Written* own = written(name_);
  if (own != nullptr && own->bare) return;  // it knows nothing of the system
  const auto problem = [&](std::string message) {
    problems.push_back({target.place, "target `" + target.name + "`: " + message, false});
  };
  const std::string kind(kind_name(target.auth.kind));
  if (std::find(auth_.begin(), auth_.end(), kind) == auth_.end()) {
    problem("connector " + name_ + " does not support auth `" + kind + "`; valid: " + join(auth_, ", "));
  }
  bool signs = false;
  bool must = false;
  for (const auto& action : actions_) {
    for (const Call& call : action->calls()) {
      signs = signs || call.signs();
      must = must || call.needs_signature();
    }
  }
  if (!target.auth.sign.empty() && !signs)
    problem("connector " + name_ + " signs nothing: remove `sign` from its `auth`");
  if (target.auth.sign.empty() && must)
    problem("connector " + name_ + " signs its requests: name the secret, as in `auth: {sign: {env: NAME}}`");
  if (of_cluster(target.auth)) {
    target.url = kClusterUrl;
  } else if (target.url.empty() && target.auth.kind != Auth::Kind::kUrl) {
    if (url_.empty()) problem("`url` is missing");
    target.url = url_;
  }
  check_kind(target, problems);
  if (own != nullptr && (!target.headers.list.empty() || !target.proxy.empty()))
    problem("`headers` and `proxy` are for targets over HTTP; connector " + name_ + " has none");
  if (own == nullptr && !target.tls_mode.empty()) problem("`tls.mode` is for databases");
  const Result<Url> url = parse_url(target.url);
  target.gateway = url && std::any_of(gateways_.begin(), gateways_.end(),
                                      [&](const std::string& glob) { return glob_match(glob, url->host); });
  std::vector<std::string> known;
  for (const auto& [name, globs] : editions_)
    known.push_back(name);
  if (!target.edition.empty()) {
    if (std::find(known.begin(), known.end(), target.edition) == known.end()) {
      problem("there is no edition `" + target.edition + "`" +
              (known.empty() ? "" : "; there are: " + join(known, ", ")));
    }
    return;
  }
  for (const auto& [name, globs] : editions_) {
    for (const std::string& glob : globs) {
      if (target.edition.empty() && url && glob_match(glob, url->host)) target.edition = name;
    }
  }
}

// http://… for a connector that sends mails, and the other way round.
void Connector::check_kind(const Target& target, lang::Problems& problems) const {
  if (target.url.empty() || actions_.empty()) return;
  const Kind& wanted = actions_.front()->plan().calls().front().kind();
  if (&wanted == &kind_of_url(target.url)) return;
  std::string ignored;
  const Status read = wanted.read_url(target.url, ignored);
  problems.push_back({target.place,
                      "target `" + target.name + "`: the connector " + name_ + " cannot use this `url`" +
                          (read ? "" : ": " + read.error().message),
                      false});
}

Catalogue Catalogue::built_in() {
  Catalogue catalogue;
  for (const Written& one : written_connectors()) {
    auto connector = std::make_shared<Connector>();
    connector->name_ = one.name;
    connector->summary_ = one.summary;
    connector->auth_ = one.auth;
    catalogue.connectors_.push_back(std::move(connector));
  }
  for (const std::string_view name : embedded_names()) {
    if (!name.ends_with(".yaml")) continue;
    lang::Problems problems;
    catalogue.add(embedded(name), name, problems);
    for (const lang::Problem& problem : problems)
      log::error("our own connector is broken", {{"problem", lang::to_text(problem)}});
    CHECK(!lang::any_error(problems));
  }
  catalogue.own_.clear();
  return catalogue;
}

void Catalogue::add(std::string_view yaml, std::string_view file, lang::Problems& problems) {
  std::shared_ptr<const Connector> connector = Connector::read(yaml, file, problems);
  if (connector == nullptr) return;
  own_.insert(connector->name());
  const auto same = [&](const std::shared_ptr<const Connector>& c) { return c->name() == connector->name(); };
  const auto old = std::find_if(connectors_.begin(), connectors_.end(), same);
  if (old != connectors_.end()) {
    *old = std::move(connector);
  } else {
    connectors_.push_back(std::move(connector));
  }
}

const Connector* Catalogue::find(std::string_view name) const {
  for (const std::shared_ptr<const Connector>& connector : connectors_) {
    if (connector->name() == name) return connector.get();
  }
  return nullptr;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> names;
  for (const std::shared_ptr<const Connector>& connector : connectors_)
    names.push_back(connector->name());
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view connector_schema() {
  return embedded("connector.schema.json");
}

}  // namespace postlude::connector
