#include "app/serve.h"

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "api/api.h"
#include "api/links.h"
#include "app/limits.h"
#include "app/reload.h"
#include "app/secrets.h"
#include "base/check.h"
#include "base/log.h"
#include "base/text.h"
#include "database/client.h"
#include "http/client.h"
#include "intake/answer.h"
#include "kube/credentials.h"
#include "metrics/catalogue.h"
#include "pipeline/edges.h"
#include "pipeline/pump.h"
#include "rt/notify.h"
#include "rt/signals.h"

namespace postlude::app {

namespace {

// No process of ours is idler than this: the configuration's files are looked at as often.
constexpr Duration kTick = std::chrono::seconds(1);

// Why it ends, though nobody told it to: one problem a line.
void log_end(const std::string& why) {
  for (const std::string_view line : split(why, '\n'))
    if (!line.empty()) log::error(line);
}

// Everything that exists while the daemon runs, in order of dependency; destruction is in reverse.
class Daemon {
 public:
  Daemon(rt::Loop& loop, ServeOptions options, Version version, std::unique_ptr<store::Store> store,
         rt::Notify notify)
      : loop_(loop),
        options_(std::move(options)),
        notify_(std::move(notify)),
        secrets_(telling(secret_lookup())),
        signals_(loop, [this](rt::Signal signal) { on_signal(signal); }),
        store_(std::move(store)),
        evaluator_(loop, evaluator_options(version.loaded->config.evaluator)),
        client_(loop, {}),
        clusters_(kube::clusters(loop, surroundings())),
        databases_(loop),
        edges_(loop, client_, databases_),
        expressions_(evaluator_),
        pipeline_({loop, *store_, edges_, expressions_, metrics_, secrets_, clusters_.get()}),
        pump_(loop, pipeline_, *store_, {}),
        api_({}, *store_, pipeline_, metrics_),
        links_(api_.access(), *store_, pipeline_),
        reload_({loop, expressions_, pipeline_, *store_, metrics_, api_, secrets_}, options_.config,
                options_.connectors, std::move(version)),
        life_(loop, kLife),
        chores_(loop, "chores"),
        follow_(loop, "reload"),
        guard_(loop, "end"),
        stop_(loop) {}

  // Why it ended; "": it was told to.
  std::string run() {
    loop_.on_failure = [this](std::string_view group) { fail(group); };
    life_.start(live());
    loop_.run();
    guard_.abandon();
    return why_;
  }

 private:
  // An exception left a coroutine: a bug of ours, and nobody knows what was left half done. What is on disk
  // is whole: end in order, and whoever supervises us starts us anew.
  void fail(std::string_view group) {
    if (ending_ && group == kLife) exit_now();  // the end itself
    if (why_.empty()) {
      why_ = "ended by an unexpected error in '" + std::string(group) +
             "', which the log names; please report it";
      log_end(why_);
      guard_.start(give_up());
    }
    stopping_ = true;
    stop_.wake();
    if (group == kLife) life_.start(end_and_stop());
  }

  // The end may wait for what the error has left.
  rt::Task<> give_up() {
    AWAIT_DONE(rt::sleep_for(kEndMost));
    exit_now();
  }

  [[noreturn]] void exit_now() {
    log::error(
        "the shutdown after an unexpected error took too long or failed too; work in progress was abandoned");
    (void)log::flush(std::chrono::milliseconds(500));
    std::_Exit(1);
  }

  void on_signal(rt::Signal signal) {
    if (signal == rt::Signal::kReload) {
      reload_.now();
      return;
    }
    stopping_ = true;
    stop_.wake();
  }

  rt::Task<> live() {
    AWAIT(const Status started, start());
    if (started) {
      Duration next_watchdog{};
      while (!stopping_) {
        const auto watchdog = notify_.watchdog_period();
        AWAIT_DONE(stop_.wait_at_most(watchdog ? std::min(kTick, *watchdog / 2) : kTick));
        if (watchdog && rt::steady_now() >= next_watchdog) {
          (void)notify_.watchdog();
          next_watchdog = rt::steady_now() + *watchdog / 2 - kTick;
        }
        look_at_clock();
        begin_chores();
      }
    } else {
      why_ = started.error().message;
      log_end(why_);
    }
    AWAIT_DONE(end_and_stop());
  }

  rt::Task<> end_and_stop() {
    AWAIT_DONE(end());
    loop_.stop();
  }

  rt::Task<Status> start() {
    metrics_.set(metrics::kBuildInfo, {POSTLUDE_VERSION}, 1);
    metrics_.set(metrics::kClockOff, {}, 0);
    metrics_.set(metrics::kStarted, {}, static_cast<double>(micros(rt::now())) / 1e6);
    AWAIT_TRY(const Done begun, reload_.begin());
    (void)begun;
    pipeline_.on_event = [this](Event event) { pump_.offer(std::move(event)); };
    pump_.start();
    reload_.on_config_rejected = [this](const std::string& problems) {
      follow_.start(pipeline_.tell("config-rejected", json::object{{"reason", problems}}));
    };
    CO_TRY(hooks_, http::Server::listen(loop_, hooks_options(), hook_handler()));
    CO_TRY(admin_, http::Server::listen(loop_, admin_options(), admin_handler()));
    AWAIT(const Status noted, store_->note("postlude", "started", "daemon",
                                           "version " POSTLUDE_VERSION ", configuration " +
                                               reload_.config().revision.substr(0, 12),
                                           rt::now()));
    if (!noted)
      log::warn("the start could not be written to the audit log", {{"why", noted.error().message}});
    api_.ready = true;
    follow_.start(reload_.follow());
    if (!options_.port_file.empty()) {
      std::ofstream file(options_.port_file + ".new");
      file << "listen=" << hooks_->port() << "\nadmin=" << admin_->port() << "\n";
      file.close();
      std::rename((options_.port_file + ".new").c_str(), options_.port_file.c_str());
    }
    if (const Status told = notify_.ready(); !told)
      log::warn("the service manager could not be notified", {{"why", told.error().message}});
    log::info("ready", {{"version", POSTLUDE_VERSION},
                        {"listen", reload_.config().server.listen},
                        {"port", static_cast<int>(hooks_->port())},
                        {"admin", reload_.config().server.admin},
                        {"adminPort", static_cast<int>(admin_->port())},
                        {"workflows", reload_.rules().workflows().size()}});
    co_return ok();
  }

  http::ServerOptions hooks_options() const {
    http::ServerOptions options;
    options.listen = reload_.config().server.listen;
    options.idle_timeout = reload_.config().server.idle_timeout;
    options.connections_max = limits_.hooks;
    return options;
  }

  http::ServerOptions admin_options() const {
    http::ServerOptions options = hooks_options();
    options.listen = reload_.config().server.admin;
    options.connections_max = limits_.admin;
    options.bytes_max = kAdminBytesMax;
    return options;
  }

  static bool is_probe(const HttpRequest& request) {
    const std::string_view path = request.path();
    return (request.method == "GET" || request.method == "HEAD") && (path == "/healthz" || path == "/readyz");
  }

  // Of a listener: what is answered whatever comes, and who is told that somebody had to go.
  void watch_room(http::Handler& handler, const char* listener) {
    handler.always = is_probe;
    for (const char* was :
         {"idle", "silent", "head", "body", "drained", "not reading", "memory", "all answered"})
      (void)metrics_.counter(metrics::kConnectionsLetGo, {listener, was});
    handler.let_go = [this, listener](std::string_view why) {
      metrics_.counter(metrics::kConnectionsLetGo, {listener, std::string(why)}).add();
    };
  }

  http::Handler hook_handler() {
    http::Handler handler;
    const bool metrics = reload_.config().server.metrics_on_listen;
    const auto is_health = [metrics](const HttpRequest& request) {
      return is_probe(request) || (metrics && (request.method == "GET" || request.method == "HEAD") &&
                                   request.path() == "/metrics");
    };
    handler.head = [this, is_health](const HttpRequest& request, bool too_large) -> http::HeadVerdict {
      if (is_health(request) && !too_large) return http::ReadBody{0};
      if (api::Links::owns(request)) return links_.head(request, too_large);
      return pipeline_.head(request, too_large);
    };
    handler.too_large = [this](const HttpRequest& request) {
      return api::Links::owns(request) ? links_.too_large(request) : pipeline_.too_large(request);
    };
    handler.handle = [this, is_health](HttpRequest request) {
      if (is_health(request)) return health(std::move(request));
      if (api::Links::owns(request)) return links_.handle(std::move(request));
      return pipeline_.receive(std::move(request));
    };
    handler.broken = [this](int status, const std::string& why) { return pipeline_.broken(status, why); };
    watch_room(handler, "hooks");
    return handler;
  }

  rt::Task<HttpResponse> health(HttpRequest request) {
    AWAIT(auto answer, api_.health(std::move(request)));
    co_return answer ? std::move(*answer) : api::Api::problem(404, "not found", answer.error().message);
  }

  http::Handler admin_handler() {
    http::Handler handler;
    handler.head = [this](const HttpRequest& request, bool too_large) {
      return api_.head(request, too_large);
    };
    handler.too_large = [](const HttpRequest&) {
      return api::Api::problem(413, "too large", "at most 64 KiB");
    };
    handler.handle = [this](HttpRequest request) { return api_.handle(std::move(request)); };
    handler.broken = [](int status, const std::string& why) { return intake::problem_answer(status, why); };
    watch_room(handler, "admin");
    return handler;
  }

  // Once an hour, beside everything else: it may take long, and neither the watchdog nor the end waits for
  // it.
  void begin_chores() {
    const Duration now = rt::steady_now();
    if (stopping_ || now < next_prune_ || chores_.size() > 0) return;
    next_prune_ = now + std::chrono::hours(1);
    chores_.start(prune());
  }

  // No deadline passes because somebody set the clock, but the log tells it.
  void look_at_clock() {
    (void)rt::now();  // compares the two clocks
    const Duration off = rt::wall_off();
    metrics_.set(metrics::kClockOff, {}, static_cast<double>(off.count()) / 1e6);
    if ((off == Duration(0)) == !clock_told_) return;
    clock_told_ = off != Duration(0);
    if (clock_told_) {
      log::error(
          "the wall clock was changed: Postlude ignores the change until the clock is set back or Postlude "
          "is "
          "restarted",
          {{"off", postlude::to_text(off)}});
    } else {
      log::info("the wall clock is right again");
    }
  }

  // Deletes rows past retention.
  rt::Task<> prune() {
    AWAIT_DONE(pipeline_.sum_up());
    const StoreConfig& keep = reload_.config().store;
    AWAIT(const Status pruned, store_->prune(rt::now() - keep.keep_deliveries, rt::now() - keep.keep_runs));
    if (!pruned) log::warn("old deliveries and runs could not be deleted", {{"why", pruned.error().message}});
  }

  // Finish what is being answered, take no more work, let what was sent be answered, leave the rest
  // resumable. The bounds add up to less than 10 s.
  rt::Task<> end() {
    ending_ = true;
    api_.ready = false;
    (void)notify_.stopping();
    log::info("stopping");
    pipeline_.stop();
    links_.stopping = true;
    reload_.stop();
    if (hooks_ != nullptr) {
      AWAIT(const bool answered, hooks_->close(std::chrono::milliseconds(700)));
      if (!answered) log::warn("some connections were closed before they were answered");
    }
    AWAIT(const bool drained, pump_.stop());
    client_.stop();
    databases_.stop();
    if (!drained) AWAIT_DONE(pump_.finish());
    pump_.abandon();
    AWAIT_DONE(pipeline_.settle());
    if (admin_ != nullptr) {
      AWAIT(const bool answered, admin_->close(std::chrono::milliseconds(200)));
      (void)answered;
    }
    AWAIT_DONE(evaluator_.stop());
    chores_.abandon();
    AWAIT(const bool followed, follow_.close(std::chrono::milliseconds(300)));
    if (!followed) follow_.abandon();       // a disk that does not answer
    log::info("stopped", {{"why", why_}});  // what people read is the last line
  }

  static constexpr const char* kLife = "daemon";
  static constexpr Duration kEndMost = std::chrono::seconds(15);  // its bounds add up to less than 10 s
  static constexpr std::size_t kAdminBytesMax = 16U << 20U;

  rt::Loop& loop_;
  ServeOptions options_;
  const ConnectionLimits limits_ = connection_limits(raise_descriptors());
  rt::Notify notify_;
  SecretLookup secrets_;
  rt::Signals signals_;  // goes late: a second SIGTERM while stopping is heard, and changes nothing
  metrics::Metrics metrics_;
  std::unique_ptr<store::Store> store_;  // destroyed late: commits what is queued
  evaluator::Evaluator evaluator_;
  http::Client client_;
  std::unique_ptr<kube::Clusters> clusters_;
  database::Client databases_;
  pipeline::Edges edges_;
  pipeline::Expressions expressions_;
  pipeline::Pipeline pipeline_;
  pipeline::Pump pump_;
  api::Api api_;
  api::Links links_;
  Reload reload_;
  std::unique_ptr<http::Server> hooks_;
  std::unique_ptr<http::Server> admin_;
  rt::Group life_;
  rt::Group chores_;
  rt::Group follow_;
  rt::Group guard_;
  rt::Waker stop_;
  bool stopping_ = false;
  bool ending_ = false;
  std::string why_;  // it ends; "": because it was told to
  Duration next_prune_{};
  bool clock_told_ = false;
};

// Waits for a full disk to have room again: ending would only have us started anew until the supervisor gives
// up.
Result<std::unique_ptr<store::Store>> open_store(rt::Loop& loop, const store::Options& options) {
  auto store = store::Store::open(loop, options);
  for (int seconds = 0; !store && store.error().code == Code::kOverloaded; ++seconds) {
    if (seconds % 60 == 0)
      log::warn("the store cannot be opened; trying again every second", {{"why", store.error().message}});
    std::this_thread::sleep_for(std::chrono::seconds(1));
    store = store::Store::open(loop, options);
  }
  return store;
}

// As `check` prints it, for whoever starts it by hand; in the log's own format where that is for machines.
void tell_refused(const ServeOptions& options, const std::string& problems) {
  lang::Problems again;
  std::set<std::string> spoken_of;
  const auto part = load_in_part(options.config, options.connectors, again, spoken_of);
  if (!part || part->config.log.format != log::Format::kJson) {
    std::fputs(problems.c_str(), stderr);
    return;
  }
  log::configure(log::Format::kJson, log::Level::kError);
  for (const std::string_view line : split(problems, '\n'))
    if (!line.empty()) log::error("configuration refused", {{"what", line}});
}

// Why it ended; "": it was told to.
std::string run(const ServeOptions& options, Version version, const rt::Notify& notify) {
  rt::Loop loop;
  store::Options store_options;
  store_options.url = version.loaded->config.store.url;
  store_options.durable = options.durable;
  store_options.follow = engine::follow;
  if (!options.durable) log::warn("store sync is off: a power cut loses acknowledged data");
  auto store = open_store(loop, store_options);
  if (!store) {
    std::string why = "the store " + store_options.url + " cannot be opened: " + store.error().message;
    log_end(why);
    return why;
  }
  ::malloc_trim(0);
  Daemon daemon(loop, options, std::move(version), std::move(*store), notify);
  return daemon.run();
}

}  // namespace

int serve(const ServeOptions& options) {
  rt::ignore_failed_writes();
  if (const Status enough = check_descriptors(); !enough) {
    std::fprintf(stderr, "%s\n", enough.error().message.c_str());
    return 1;
  }
  const rt::Notify notify = rt::Notify::from_environment();
  Version version = read_version(options.config, options.connectors);
  if (!version.loaded) {
    tell_refused(options, report(std::move(version.problems)));
    return 1;
  }
  log::configure(version.loaded->config.log.format, version.loaded->config.log.level);
  log::start_queue();
  log_proxies(*version.loaded->rules);
  const std::string why = run(options, std::move(version), notify);
  (void)log::flush(std::chrono::seconds(1));
  const int status = why.empty() ? 0 : 1;
  if (rt::Aside::at_work()) {  // a configuration is being read still
    std::fflush(nullptr);
    std::_Exit(status);
  }
  return status;
}

}  // namespace postlude::app
