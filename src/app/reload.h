#pragma once
// Reload: the configuration in force. Reads it again when its files change: what is valid takes effect at
// once, what is not is refused whole, and told in the log, the API, the metrics and the audit.

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
  // `first` is valid, and was read from these.
  Reload(Parts parts, std::vector<std::string> paths, std::string connectors, Version first);

  // What needs a restart, see below, is as it was when the process began.
  const Config& config() const { return loaded_.config; }
  const pipeline::Rules& rules() const { return *loaded_.rules; }

  // All that is wrong with a version that was refused, one problem a line.
  std::function<void(std::string problems)> on_config_rejected;

  // The first version takes effect, unless jq's compiler refuses it: kInvalid then has all problems, one a
  // line.
  rt::Task<Status> begin();
  // From then on, until stop(): looks once a second. What was refused is also read again without any change,
  // less and less often: the reason may have been that a file could not be read just then.
  rt::Task<> follow();
  void now();   // SIGHUP
  void stop();  // follow() ends when the look that is under way does

 private:
  rt::Task<Result<Seen>> look_at_files(bool asked);
  void plan_again();
  rt::Task<> consider(std::shared_ptr<Version> version, bool asked);
  rt::Task<> refuse(lang::Problems problems, bool asked);
  rt::Task<> take(Loaded loaded, lang::Problems problems, std::vector<std::string> read);
  void use(const lang::Problems& problems, std::vector<std::string> read);
  rt::Task<> note(std::string what, std::string detail);
  void count(std::string_view result);
  void mended();  // what was refused is taken back

  Parts parts_;
  std::vector<std::string> paths_;
  std::string connectors_;
  Loaded loaded_;  // in force
  lang::Problems first_problems_;
  std::vector<std::string> read_;
  std::string fingerprint_;
  std::string connectors_print_;  // of the connectors in force
  std::string refused_;           // what was wrong last, "" when nothing is
  rt::Aside aside_;
  rt::Waker wake_;
  bool asked_ = false;
  Duration again_after_{};  // 0: what was read last is in force
  Duration again_at_{};     // by the clock that nobody sets
  bool no_thread_ = false;  // told
  bool stopping_ = false;
};

// Keys whose values differ, and that only a restart changes.
std::vector<std::string> needs_restart(const Config& running, const Config& wanted);

// Without a token the API answers whoever reaches it, so that only a loopback address may listen: also the
// one that a restart has not changed yet.
void check_listener(const Config& running, const Config& wanted, lang::Problems& problems);

}  // namespace postlude::app
