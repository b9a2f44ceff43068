#include "app/reload.h"

#include <malloc.h>

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "metrics/catalogue.h"

namespace postlude::app {

namespace {

constexpr std::size_t kProblemsLogged = 20;  // the API has all of them
constexpr std::size_t kProblemLogged = 1000;
constexpr Duration kEvery = std::chrono::seconds(1);
constexpr Duration kAgainMin = std::chrono::seconds(2);
constexpr Duration kAgainMax = std::chrono::seconds(60);

api::Options api_options(const Config& config, const SecretLookup& secrets) {
  api::Options options;
  for (const TokenConfig& token : config.tokens)
    options.tokens.push_back({token.name, token.role, token.secrets, token.team});
  options.secrets = secrets;
  options.admin_url = config.server.admin_url;
  return options;
}

std::vector<std::string> lines_of(const lang::Problems& problems, bool warnings) {
  lang::Problems some;
  std::copy_if(problems.begin(), problems.end(), std::back_inserter(some),
               [warnings](const lang::Problem& p) { return p.warning == warnings; });
  std::vector<std::string> lines;
  const std::string text = report(std::move(some));
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

}  // namespace

void check_listener(const Config& running, const Config& wanted, lang::Problems& problems) {
  if (!wanted.tokens.empty() || !others_reach_admin(running.server)) return;
  problems.push_back({{},
                      "'access' has no token, but the API listens on " + running.server.admin +
                          ", which others can reach, until Postlude is restarted: keep a token until then"});
}

std::vector<std::string> needs_restart(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  const auto compare = [&keys](bool same, const char* key) {
    if (!same) keys.emplace_back(key);
  };
  const ServerConfig& now = running.server;
  const ServerConfig& then = wanted.server;
  compare(now.listen == then.listen, "server.listen");
  compare(now.admin == then.admin, "server.admin");
  compare(now.metrics_on_listen == then.metrics_on_listen, "server.metrics");
  compare(now.idle_timeout == then.idle_timeout, "server.idleTimeout");
  compare(running.store.url == wanted.store.url, "store.url");
  compare(running.evaluator.time == wanted.evaluator.time, "evaluator.time");
  compare(running.evaluator.memory_bytes == wanted.evaluator.memory_bytes, "evaluator.memory");
  return keys;
}

Reload::Reload(Parts parts, std::vector<std::string> paths, std::string connectors, Version first)
    : parts_(std::move(parts)),
      paths_(std::move(paths)),
      connectors_(std::move(connectors)),
      loaded_(std::move(*first.loaded)),
      first_problems_(std::move(first.problems)),
      read_(std::move(first.read)),
      fingerprint_(std::move(first.print)),
      connectors_print_(fingerprint({connectors_})),
      aside_(parts_.loop),
      wake_(parts_.loop) {
  parts_.api.use(api_options(loaded_.config, parts_.secrets));
}

rt::Task<Status> Reload::begin() {
  AWAIT_TRY(const Done checked, check_expressions(parts_.expressions, loaded_.rules, first_problems_));
  (void)checked;
  if (lang::any_error(first_problems_)) {
    std::string text = report(std::move(first_problems_));
    text.pop_back();
    co_return Error(Code::kInvalid, std::move(text));
  }
  for (const char* result : {"loaded", "rejected"})
    (void)parts_.metrics.counter(metrics::kReloads, {result});
  use(first_problems_, read_);
  co_return ok();
}

rt::Task<> Reload::follow() {
  while (!stopping_) {
    AWAIT_DONE(wake_.wait_at_most(kEvery));
    if (stopping_) break;
    const bool asked = std::exchange(asked_, false);
    AWAIT(Result<ConfigChange> change, look_at_files(asked));
    if (!change && asked) asked_ = true;
    if (stopping_ || !change || change->version == nullptr) continue;
    fingerprint_ = std::move(change->fingerprint);
    read_ = change->version->read;
    AWAIT_DONE(consider(std::move(change->version), asked));
    plan_again();
  }
}

rt::Task<Result<ConfigChange>> Reload::look_at_files(bool asked) {
  WatchState last;
  last.paths = paths_;
  last.connectors = connectors_;
  last.read = read_;
  last.fingerprint = fingerprint_;
  last.at_once = asked;
  last.again = again_after_ > Duration(0) && rt::steady_now() >= again_at_;
  std::function<ConfigChange()> call = [last] { return read_if_changed(last); };
  AWAIT(Result<ConfigChange> change, aside_.run(std::move(call)));
  if (!change && !std::exchange(no_thread_, true))
    log::error("changes of the configuration cannot be read at the moment",
               {{"why", change.error().message}});
  if (change && std::exchange(no_thread_, false)) log::info("changes of the configuration can be read again");
  co_return change;
}

void Reload::plan_again() {
  again_after_ =
      refused_.empty() ? Duration(0) : std::clamp<Duration>(2 * again_after_, kAgainMin, kAgainMax);
  again_at_ = rt::steady_now() + again_after_;
}

void Reload::now() {
  asked_ = true;
  wake_.wake();
}

void Reload::stop() {
  stopping_ = true;
  wake_.wake();
}

rt::Task<> Reload::consider(std::shared_ptr<Version> version, bool asked) {
  lang::Problems problems = std::move(version->problems);
  if (version->loaded) check_listener(loaded_.config, version->loaded->config, problems);
  if (lang::any_error(problems)) {
    AWAIT_DONE(refuse(std::move(problems), asked));
    co_return;
  }
  Loaded& next = *version->loaded;
  const std::string connectors = fingerprint({connectors_});
  if (!asked && next.config.revision == loaded_.config.revision && connectors == connectors_print_) {
    // The content is the same as before: files were touched, or an error was undone.
    mended();
    parts_.api.config.refused.reset();
    parts_.metrics.set(metrics::kConfigValid, {}, 1);
    co_return;
  }
  AWAIT(const Status checked, check_expressions(parts_.expressions, next.rules, problems));
  if (!checked) {
    log::warn("a new configuration could not be checked; trying again", {{"why", checked.error().message}});
    fingerprint_.clear();
    co_return;
  }
  if (lang::any_error(problems)) {
    AWAIT_DONE(refuse(std::move(problems), asked));
    co_return;
  }
  connectors_print_ = connectors;
  AWAIT_DONE(take(std::move(next), std::move(problems), std::move(version->read)));
}

rt::Task<> Reload::refuse(lang::Problems problems, bool asked) {
  const std::vector<std::string> lines = lines_of(problems, false);
  std::string text = join(lines, "\n");
  if (!asked && text == refused_) co_return;  // said already
  refused_ = text;
  parts_.api.config.refused = api::ConfigState::Refused{rt::now(), lines};
  const std::size_t shown = std::min(lines.size(), kProblemsLogged);
  for (std::size_t i = 0; i < shown; ++i)
    log::error("configuration refused", {{"what", lines[i].substr(0, kProblemLogged)}});
  log::error("the previous configuration stays in use",
             {{"revision", loaded_.config.revision.substr(0, 12)}, {"problems", lines.size()}});
  count("rejected");
  AWAIT_DONE(note("config.rejected", cut(text, 4000)));
  if (on_config_rejected) on_config_rejected(std::move(text));
}

rt::Task<> Reload::take(Loaded loaded, lang::Problems problems, std::vector<std::string> read) {
  const std::vector<std::string> waiting = needs_restart(loaded_.config, loaded.config);
  loaded.config.server.listen = loaded_.config.server.listen;
  loaded.config.server.admin = loaded_.config.server.admin;
  loaded.config.server.metrics_on_listen = loaded_.config.server.metrics_on_listen;
  loaded.config.server.idle_timeout = loaded_.config.server.idle_timeout;
  loaded.config.store.url = loaded_.config.store.url;
  loaded.config.evaluator = loaded_.config.evaluator;
  loaded_ = std::move(loaded);
  mended();
  parts_.api.use(api_options(loaded_.config, parts_.secrets));
  use(problems, std::move(read));
  parts_.api.config.needs_restart = waiting;
  count("loaded");
  log::info("configuration loaded", {{"revision", loaded_.config.revision.substr(0, 12)},
                                     {"workflows", loaded_.rules->workflows().size()}});
  if (!waiting.empty())
    log::warn("some changes take effect only after a restart", {{"keys", join(waiting, ", ")}});
  AWAIT_DONE(note("config.loaded", "configuration " + loaded_.config.revision.substr(0, 12)));
  ::malloc_trim(0);
}

void Reload::use(const lang::Problems& problems, std::vector<std::string> read) {
  log::configure(loaded_.config.log.format, loaded_.config.log.level);
  parts_.pipeline.use(loaded_.rules);
  api::ConfigState& state = parts_.api.config;
  state.revision = loaded_.config.revision;
  state.loaded_at = rt::now();
  state.files = std::move(read);
  state.warnings = lines_of(problems, true);
  state.needs_restart.clear();
  state.refused.reset();
  for (const std::string& line : state.warnings)
    log::warn("configuration", {{"what", line}});
  parts_.metrics.set(metrics::kConfigValid, {}, 1);
  parts_.metrics.set(metrics::kConfigLoaded, {}, static_cast<double>(micros(state.loaded_at)) / 1e6);
  parts_.metrics.set_all(metrics::kConfigRevision, {{{loaded_.config.revision}, 1}});
}

rt::Task<> Reload::note(std::string what, std::string detail) {
  AWAIT(const Status noted, parts_.store.note("postlude", what, "config", detail, rt::now()));
  if (!noted)
    log::warn("a change of the configuration could not be written to the audit log",
              {{"why", noted.error().message}});
}

void Reload::count(std::string_view result) {
  if (result == "rejected") parts_.metrics.set(metrics::kConfigValid, {}, 0);
  parts_.metrics.counter(metrics::kReloads, {std::string(result)}).add();
}

void Reload::mended() {
  if (refused_.empty()) return;
  refused_.clear();
  log::info("the configuration is valid again", {{"revision", loaded_.config.revision.substr(0, 12)}});
}

}  // namespace postlude::app
