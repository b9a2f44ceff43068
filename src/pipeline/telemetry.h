#pragma once
// Telemetry: metrics and log lines of the pipeline. Every occurrence is counted; those that people may need
// to know of get a log line.
//
// Series of configured things exist from the start, at 0. Labels come only from the configuration. Log lines
// that strangers can cause are limited. Loop thread only.

#include <array>
#include <map>
#include <string>

#include "metrics/metrics.h"
#include "pipeline/log_bound.h"
#include "pipeline/rules.h"
#include "store/store.h"

namespace postlude::pipeline {

class Telemetry {
 public:
  Telemetry(rt::Loop& loop, metrics::Metrics& metrics);

  void use(const Rules& rules);  // creates their series

  // Counts and logs an answered call, whatever its verdict. `canary`: namespace/name if it was authentic and
  // named one. `took`: from whole request to answer; 0 if it was refused before its body was read.
  void delivery(const Delivery& delivery, const std::string& canary, Duration took);
  // The two parts of delivery(), for callers that count before they know the id.
  void count_delivery(const Delivery& delivery);
  void log_delivery(const Delivery& delivery, const std::string& canary);
  // The two halves of the log: whether there is room for a line on one more refused call, which takes it; the
  // line.
  bool take_refusal(std::string_view proof);
  void write_delivery(const Delivery& delivery, const std::string& canary);
  void not_stored(const std::string& source, const std::string& hook, std::string_view why);
  void broken(int status, std::string_view why);  // bytes that are not a readable request
  void attempt(const store::Work& work, const Outcome& outcome, Duration took);
  void breaker(const std::string& target, bool open);
  void happened(const store::Happened& happened);  // reports of the store's commits
  void stop();

 private:
  static constexpr std::size_t kVerdicts = 4;
  static constexpr std::size_t kOutcomes = std::variant_size_v<Outcome>;
  template <class T>
  using By = std::map<std::string, T, std::less<>>;
  struct Hook {
    std::array<metrics::Counter, kVerdicts> verdicts;  // by Verdict, from 0
    metrics::Counter not_stored;
  };
  struct Action {
    std::array<metrics::Counter, kOutcomes> attempts;
    std::array<std::optional<metrics::Histogram>, kOutcomes> seconds;  // created on first use
    std::array<metrics::Counter, 4> ends;                              // by StepState, from kSucceeded
  };
  struct Workflow {
    std::array<metrics::Counter, 3> ends;  // by RunState, from kSucceeded
    metrics::Histogram seconds;
  };

  void know(const std::string& source, const std::string& hook);
  const Hook& hook(std::string_view source, std::string_view hook) const;
  Action& action(const std::string& target, const std::string& uses);
  Workflow& workflow(const std::string& name);
  static void log_end(const store::RunEnd& end);
  static void log_held(const store::StepHeld& held);

  metrics::Metrics& metrics_;
  std::map<int, metrics::Counter> broken_;  // by status
  By<By<Hook>> hooks_;                      // by source and hook; ("", ""): no configured path
  By<By<Action>> actions_;                  // by target and `uses`
  By<Workflow> workflows_;
  metrics::Histogram intake_;
  metrics::Histogram commit_seconds_, commit_commands_;
  LogBound without_proof_, refused_, repeated_;
};

}  // namespace postlude::pipeline
