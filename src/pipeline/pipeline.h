#pragma once
// Pipeline: everything that happens to a release, from the sender's request to the last outcome. Read
// pipeline.cc first.
//
// Loop thread only. Keeps no work in memory: after a restart everything continues from the store.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/repeated.h"
#include "engine/breaker.h"
#include "http/server.h"
#include "intake/judge.h"
#include "kube/access.h"
#include "pipeline/edge.h"
#include "pipeline/expressions.h"
#include "pipeline/rate.h"
#include "pipeline/rules.h"
#include "pipeline/telemetry.h"
#include "rt/group.h"
#include "store/store.h"

namespace postlude::pipeline {

struct Parts {
  rt::Loop& loop;
  store::Store& store;
  Edge& edge;
  Expressions& expressions;
  metrics::Metrics& metrics;
  SecretLookup secrets;
  kube::Clusters* clusters = nullptr;  // nullptr: none is reached, as where the network is played
};

class Pipeline {
 public:
  explicit Pipeline(Parts parts);

  // The targets' `limits.rate`: a claim takes one token, each further request of the attempt another.
  Rates& target_rates() { return target_rates_; }

  // Uses these rules from now on. Runs in progress keep the workflow text that they began with.
  void use(std::shared_ptr<const Rules> rules);
  const Rules& rules() const { return *rules_; }

  // Called with each accepted event, after the store has it.
  std::function<void(Event)> on_event;

  // -- the story, in order
  http::HeadVerdict head(const HttpRequest& request, bool headers_too_large);
  rt::Task<HttpResponse> receive(HttpRequest request);
  rt::Task<Status> plan(Event event);
  // Carries out one step and records its outcome. Returns the run's next step, if the same commit claimed it.
  rt::Task<Result<std::optional<store::Work>>> advance(store::Work work);

  // -- people's answers: `runs retry`, `runs resume`
  rt::Task<Status> retry(RunId run, bool stale, std::string actor);
  // Sets the answer's time, hides secrets in its outputs, and finds out which steps wait for what they start.
  rt::Task<Status> resume(store::Resume wanted);
  // kConflict: today's workflow does not match the event, or cannot be used.
  rt::Task<Result<RunId>> replay(RunId run, bool again, bool stale, std::string actor);
  rt::Task<Status> unpause(std::string kind, std::string name, std::string actor);

  // Processes a stored delivery again: returns its event, or the event that it creates with today's
  // configuration of its source. kConflict: it creates none; the message says why.
  struct Taken {
    DeliveryId delivery;
    EventId event;
    bool duplicate = false;
  };
  rt::Task<Result<Taken>> redeliver(Delivery stored, std::string actor);

  // Creates an event of our own, if a workflow is on its hook. The event's name is that in `payload`.
  rt::Task<> tell(std::string hook, json::object payload);

  // The answer to a body that is longer than its source allows.
  HttpResponse too_large(const HttpRequest& request);
  // The answer to bytes that are not a readable request.
  HttpResponse broken(int status, const std::string& why);

  // The circuit breaker of a target.
  engine::Breaker& breaker(std::string_view target);

  // Waits until all refused calls are stored. Call it before the store is closed.
  rt::Task<> settle();
  // Writes one audit record with the number of calls refused without proof since the last time, by status.
  // Called once an hour and on shutdown.
  rt::Task<> sum_up();

  // Whether the store refused a call in the last 5 seconds; /readyz then fails, even if a smaller write would
  // succeed.
  bool refused_lately() const {
    return refused_at_ && rt::steady_now() - *refused_at_ < std::chrono::seconds(5);
  }

  // Whether some source has a readable secret or needs none, or there is no source.
  bool has_usable_source() const;

  // On SIGTERM: answers 503 from now on, and gives back claimed work that has not begun.
  void stop() { stopping_ = true; }

 private:
  // Whether one workflow runs on an event, and the reason if not.
  struct Choice {
    std::optional<store::NewRun> run;
    store::Planned planned;
    std::optional<Error> unasked;  // its expressions could not be evaluated just now
  };
  // Results of the expressions that planning needs.
  struct Evaluation {
    std::shared_ptr<const json::value> context;
    std::optional<lang::Evaluated> condition;
    std::string queue_key;  // "": the default
    Values vars;
    std::string failed;            // why the run cannot begin
    std::optional<Error> unasked;  // they could not be evaluated just now
  };
  rt::Task<Choice> choose(std::shared_ptr<const BoundWorkflow> bound, Event event, Facts facts);
  rt::Task<Evaluation> evaluate_plan(std::shared_ptr<const BoundWorkflow> bound, Event event, bool condition);
  rt::Task<> watch_for_storm(Event event);
  rt::Task<> say_what_is_told(std::shared_ptr<const Rules> rules);
  // What is left of a call that was refused and is not stored for itself: most are only counted, so that
  // nobody can fill the disk or the log, or keep us busy with records.
  enum class Trace : std::uint8_t { kCount = 1, kLog, kStore };
  Trace trace_of_refusal(std::string_view proof);  // takes the room for it
  // `trace`: of a refusal that is kept as a sample only.
  intake::Judged judge(const intake::Route& route, HttpRequest request, Trace& trace);
  rt::Task<HttpResponse> keep(intake::Route route, intake::Judged judged, Trace trace);
  HttpResponse refused(intake::Refusal refusal, Trace trace);
  HttpResponse not_taken(const intake::Route& route, Delivery seen, const Error& error);
  static Delivery without_content(const Delivery& delivery);  // headers and body: for the log
  static Event without_content(const Event& event);           // for the log, too
  rt::Task<> store_refusal(Delivery delivery);
  void announce(Event event, EventId id, bool to_plan);
  void look_at_secrets();
  void note_secrets(const std::string& source, const intake::SecretStates& seen);
  // The reasons why no workflow runs on the event, if no expression is needed to tell; else nullopt.
  std::optional<std::vector<store::Planned>> nothing_wants(const Event& event) const;
  // Repeats until the store accepts it: a full disk must not lose an answer that we cannot get again.
  rt::Task<Result<std::optional<store::Work>>> record(store::AttemptEnd end, store::Rule rule, bool go_on);
  Result<std::shared_ptr<const BoundWorkflow>> bound_for(const std::string& workflow,
                                                         const std::string& text);
  rt::Task<Result<std::set<std::uint32_t>>> polling_steps(RunId run);
  void renew_masker(Duration after = std::chrono::seconds(1));
  Mask& hidden();  // all secrets of targets and sources, as they are now and were before
  bool may_go_on(const std::string& target);
  // Reports to the breaker: an answer is a success; `retryable` other than a rate limit, and `unclear`, are
  // failures.
  void note_target(const std::string& target, const std::vector<Request>& requests, const Outcome& outcome);

  Parts parts_;
  std::shared_ptr<Telemetry> telemetry_;
  std::shared_ptr<const Rules> rules_;
  Repeated not_recorded_;
  connector::Masker masker_;
  Duration masked_at_{};  // when masker_ last read the secrets
  Rates rates_;           // of sources
  // Error of each secret when last read ("": none), by source and by place of the secret.
  std::map<std::string, intake::SecretStates> secrets_;
  Rates target_rates_;
  rt::Group background_;                  // stores refused calls; their answer does not wait for it
  std::map<int, std::uint64_t> refused_;  // number of calls by status, since the last sum_up()
  Instant refused_since_;
  bool stopping_ = false;
  std::map<std::string, engine::Breaker, std::less<>> breakers_;
  std::map<std::string, std::deque<Instant>, std::less<>> recent_;  // recent events by source, for `storm`
  std::optional<Duration> refused_at_;                              // when the store last refused a call
  // Workflows of runs that began under an earlier configuration, by pinned text. Bounded; cleared by use().
  std::map<std::string, std::shared_ptr<const BoundWorkflow>, std::less<>> pinned_;
};

}  // namespace postlude::pipeline
