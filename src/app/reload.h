#pragma once
// Reload: keeps the configuration in force, and reads it again when its files change. A valid version takes
// effect at once. An invalid version is refused whole, and reported in the log, the API, the metrics and the
// audit.

#include <functional>
#include <string>
#include <vector>

#include "api/api.h"
#include "app/watch.h"
#include "rt/aside.h"

namespace postlude::app {

class Reload {
 public:
  struct Parts {
    rt::Loop& loop;
    pipeline::Expressions& expressions;
    pipeline::Pipeline& pipeline;
    store::Store& store;
    metrics::Metrics& metrics;
    api::Api& api;
    SecretLookup secrets;
  };
  // `first` must be valid, and must have been read from these paths.
  Reload(Parts parts, std::vector<std::string> paths, std::string connectors, Version first);

  // The configuration in force. Keys that need a restart (see below) keep their values from the start of the
  // process.
  const Config& config() const { return loaded_.config; }
  const pipeline::Rules& rules() const { return *loaded_.rules; }

  // All errors of a version that was refused, one per line.
  std::function<void(std::string problems)> on_config_rejected;

  // Puts the first version into force, unless jq's compiler refuses it: kInvalid then has all errors, one per
  // line.
  rt::Task<Status> begin();
  // Then checks the files once a second until stop(). Also reads a refused version again without any change,
  // less and less often, because a file may have been unreadable for a moment.
  rt::Task<> follow();
  void now();   // SIGHUP
  void stop();  // follow() ends after the check in progress

 private:
  rt::Task<Result<ConfigChange>> look_at_files(bool asked);
  void plan_again();
  rt::Task<> consider(std::shared_ptr<Version> version, bool asked);
  rt::Task<> refuse(lang::Problems problems, bool asked);
  rt::Task<> take(Loaded loaded, lang::Problems problems, std::vector<std::string> read);
  void use(const lang::Problems& problems, std::vector<std::string> read);
  rt::Task<> note(std::string what, std::string detail);
  void count(std::string_view result);
  void mended();  // reports that the errors are mended

  Parts parts_;
  std::vector<std::string> paths_;
  std::string connectors_;
  Loaded loaded_;  // the one in force
  lang::Problems first_problems_;
  std::vector<std::string> read_;
  std::string fingerprint_;
  std::string connectors_print_;  // fingerprint of the connectors in force
  std::string refused_;           // errors of the refused version; "": none was refused
  rt::Aside aside_;
  rt::Waker wake_;
  bool asked_ = false;
  Duration again_after_{};  // 0: the version read last is in force
  Duration again_at_{};     // on the monotonic clock
  bool no_thread_ = false;  // already logged
  bool stopping_ = false;
};

// Keys whose values differ, and that only a restart changes.
std::vector<std::string> needs_restart(const Config& running, const Config& wanted);

// Without tokens the API answers everybody who reaches it, so it may only listen on loopback addresses:
// checks this also for the address in use, which only a restart changes.
void check_listener(const Config& running, const Config& wanted, lang::Problems& problems);

}  // namespace postlude::app
