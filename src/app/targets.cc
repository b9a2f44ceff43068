#include "app/targets.h"

#include <algorithm>

#include "lang/secrets.h"

namespace postlude::app {

namespace {

using connector::Auth;

void warn(const lang::Place& place, std::string message, lang::Problems& problems) {
  problems.push_back({place, std::move(message), true});
}

bool below(const std::string& host, std::string_view domain) {
  return host == domain || (host.size() > domain.size() && host.ends_with(domain) &&
                            host[host.size() - domain.size() - 1] == '.');
}

void check_jira(const connector::Target& target, const connector::Url& url, lang::Problems& problems) {
  if (const std::size_t at = url.path.find("/rest/api"); at != std::string::npos) {
    warn(target.place,
         "the target '" + target.name + "' has the `url` " + target.url +
             ", and the connector jira adds /rest/api/2 itself: write " + url.origin() +
             url.path.substr(0, at),
         problems);
  }
  if (target.edition == "cloud" && target.auth.kind == Auth::Kind::kBearer && !target.gateway) {
    warn(target.place,
         "the target '" + target.name +
             "' is Jira Cloud, which takes an API token with its owner's address alone: write "
             "`auth: {basic: {username: EMAIL, password: {env: NAME}}}`",
         problems);
  }
}

void check_slack(const connector::Target& target, const connector::Url& url, lang::Problems& problems) {
  if (target.auth.kind != Auth::Kind::kBearer || !below(url.host, "slack.com")) return;
  if (url.host == "hooks.slack.com") {
    warn(target.place,
         "the target '" + target.name +
             "' has the URL of an incoming webhook, which is itself the secret: leave `url` out, and write "
             "`auth: {url: {env: NAME}}`",
         problems);
  } else if (url.path != "/api") {
    warn(target.place,
         "the target '" + target.name + "' has the `url` " + target.url +
             ", and Slack's API is at https://slack.com/api: leave `url` out",
         problems);
  }
}

bool follows_on_unclear(const pipeline::BoundStep& step) {
  const auto& calls = step.action->plan().calls();
  const auto* update = step.action->update();
  const auto asks = [](const connector::Call& call) {
    // Once the time of a key is over, what is sent with it is as good as without.
    return call.effect() == Effect::kNone || (call.effect() == Effect::kKey && call.key_window());
  };
  return std::any_of(calls.begin(), calls.end(), asks) ||
         (update != nullptr && std::any_of(update->calls().begin(), update->calls().end(), asks));
}

// Of a request that is written in a step; connectors check theirs with their target.
void check_signature(const pipeline::BoundStep& step, const connector::Target& target,
                     lang::Problems& problems) {
  const auto calls = step.action->calls();
  const bool signs = std::any_of(calls.begin(), calls.end(), [](const auto& call) { return call.signs(); });
  if (signs && target.auth.sign.empty()) {
    problems.push_back(
        {step.definition->place, "the request is signed, and the target '" + target.name +
                                     "' names no secret for it: add `sign: {env: NAME}` to its `auth`"});
  } else if (!signs && !target.auth.sign.empty()) {
    warn(step.definition->place,
         "the target '" + target.name +
             "' names a secret to sign with, and this request is not signed: write "
             "`sign` in `with`, say `sign: standard-webhooks`",
         problems);
  }
}

}  // namespace

void check_target(const connector::Target& target, lang::Problems& problems) {
  const auto url = connector::parse_url(target.url);
  if (!url) return;
  if (target.connector == "jira") check_jira(target, *url, problems);
  if (target.connector == "slack") check_slack(target, *url, problems);
}

void check_use_of_target(const pipeline::BoundStep& step, const connector::Target& target,
                         lang::Problems& problems) {
  const engine::StepDefinition& definition = *step.definition;
  if (step.action == nullptr) return;
  if (definition.on_unclear && !follows_on_unclear(step)) {
    warn(definition.place,
         "`onUnclear` is for requests of effect none, and " + definition.uses +
             " has none: what is unclear is repeated or looked up; leave `onUnclear` out",
         problems);
  }
  if (target.connector == "http") check_signature(step, target, problems);
  if (target.connector != "slack") return;
  const bool webhook = target.auth.kind == Auth::Kind::kUrl;
  if (webhook && definition.action == "message") {
    warn(definition.place,
         "the target '" + target.name + "' is an incoming webhook, which has no channels: use " +
             target.name + "/webhook, or give the target `auth: {bearer: …}`, a bot's token",
         problems);
  }
  if (target.auth.kind == Auth::Kind::kBearer && definition.action == "webhook") {
    warn(definition.place,
         "the target '" + target.name + "' has a bot's token, and no incoming webhook: use " + target.name +
             "/message, or give the target `auth: {url: …}`, a webhook's URL",
         problems);
  }
}

void check_headers(const lang::Node& headers, lang::Problems& problems) {
  for (const auto& [name, value] : headers.members) {
    if (!value.is_scalar() || !lang::looks_secret(name.scalar, value.scalar)) continue;
    warn(value.place,
         "the header '" + name.scalar +
             "' has its value written out, and whoever sees the requests of a run sees it: write it as the "
             "target's `auth: {header: " +
             name.scalar + ", secret: {env: NAME}}`",
         problems);
  }
}

}  // namespace postlude::app
