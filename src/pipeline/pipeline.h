#pragma once
// Pipeline: the life of a release, from the sender's request to the last outcome. Read pipeline.cc first.
//
// Loop thread only. Holds no work of its own: what is not in the store is lost on purpose.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "engine/breaker.h"
#include "http/sender.h"
#include "http/server.h"
#include "intake/judge.h"
#include "pipeline/expressions.h"
#include "pipeline/rate.h"
#include "pipeline/rules.h"
#include "pipeline/signals.h"
#include "rt/group.h"
#include "store/store.h"

namespace postlude::pipeline {

struct Parts {
  rt::Loop& loop;
  store::Store& store;
  http::Sender& client;
  Expressions& expressions;
  metrics::Metrics& metrics;
  SecretLookup secrets;
};

class Pipeline {
 public:
  explicit Pipeline(Parts parts);

  // What targets' `limits.rate` leave room for: a claim takes one, each further request of its attempt one
  // more.
  Rates& target_rates() { return target_rates_; }

  // From now on; what is under way keeps the version it began with.
  void use(std::shared_ptr<const Rules> rules);
  const Rules& rules() const { return *rules_; }

  // Where accepted events go next; the store has them already.
  std::function<void(Event)> on_event;

  // -- the story, in order
  http::HeadVerdict head(const HttpRequest& request, bool headers_too_large);
  rt::Task<HttpResponse> receive(HttpRequest request);
  rt::Task<Status> plan(Event event);
  // The work that follows at once, if it was claimed with the outcome.
  rt::Task<Result<std::optional<store::Work>>> advance(store::Work work);

  // -- people's answers: `runs retry`, `runs resume`
  rt::Task<Status> retry(RunId run, bool stale, std::string actor);
  rt::Task<Status> resume(RunId run, std::string step, store::ResumeAs as, std::string actor,
                          std::string cause = "");
  // kConflict: today's workflow does not want the event, or cannot be carried out.
  rt::Task<Result<RunId>> replay(RunId run, bool again, bool stale, std::string actor);
  rt::Task<Status> unpause(std::string kind, std::string name, std::string actor);

  // A stored delivery is taken in again: its event, or the one that it makes with today's mapping of its
  // source. kConflict: it makes none, and why.
  struct Taken {
    DeliveryId delivery;
    EventId event;
    bool duplicate = false;
  };
  rt::Task<Result<Taken>> redeliver(Delivery stored, std::string actor);

  // An event of our own, if some workflow is on its hook. `payload`'s name becomes the event's.
  rt::Task<> tell(std::string hook, json::object payload);

  // A body that turned out longer than its source allows.
  HttpResponse too_large(const HttpRequest& request);
  // What is no request that could be read.
  HttpResponse broken(int status, const std::string& why);

  // What keeps from asking targets that do not work, by name.
  engine::Breaker& breaker(std::string_view target);

  // Waits for what refused calls still have to store; before the store is closed.
  rt::Task<> settle();
  // Writes down how many calls without proof were refused since the last time, by the answer's status: one
  // record of the audit for all of them. Once an hour, and at the end.
  rt::Task<> sum_up();

  // The store had no room for a call in the last few seconds: not ready, whatever a smaller write would say.
  bool refused_lately() const {
    return refused_at_ && rt::steady_now() - *refused_at_ < std::chrono::seconds(5);
  }

  // Of some source a secret can be read, or it needs none; or there is no source.
  bool has_usable_source() const;

  // SIGTERM: 503 from now on, and claimed work that has not begun is given back.
  void stop() { stopping_ = true; }

 private:
  // Whether one workflow runs on an event, and why not.
  struct Choice {
    std::optional<store::NewRun> run;
    store::Planned planned;
    std::optional<Error> unasked;  // its expressions could not be evaluated just now
  };
  // What planning has to know of a workflow's expressions.
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
  intake::Judged judge(const intake::Route& route, HttpRequest request);
  rt::Task<HttpResponse> keep(intake::Route route, intake::Judged judged);
  HttpResponse refused(intake::Refusal refusal);
  HttpResponse not_taken(const intake::Route& route, Delivery seen, const Error& error);
  static Delivery without_content(const Delivery& delivery);  // headers and body: for the log
  rt::Task<> store_refusal(Delivery delivery);
  void announce(Event event, EventId id, bool to_plan);
  void look_at_secrets();
  void note_secrets(const std::string& source, const std::map<std::string, std::string>& seen);
  // Why no workflow runs on the event, if that can be told without evaluating anything.
  std::optional<std::vector<store::Planned>> nothing_wants(const Event& event) const;
  // Until the store takes it: a full disk must not lose an answer that cannot be had again.
  rt::Task<Result<std::optional<store::Work>>> record(store::AttemptEnd end, store::Rule rule, bool go_on);
  Result<std::shared_ptr<const BoundWorkflow>> bound_for(const store::Work& work);
  void renew_masker();
  bool may_go_on(const std::string& target);
  // Any answer speaks for a target; what may be repeated, and is no rate limit, against it.
  void note_target(const std::string& target, const std::vector<Request>& requests, const Outcome& outcome);

  Parts parts_;
  std::shared_ptr<Signals> signals_;
  std::shared_ptr<const Rules> rules_;
  connector::Masker masker_;
  Duration masked_at_{};  // when it last looked at the secrets
  Rates rates_;           // of sources
  // What is wrong with each secret ("": nothing), by source and by where it is kept; as last looked at.
  std::map<std::string, std::map<std::string, std::string>> secrets_;
  Rates target_rates_;
  rt::Group background_;                  // records of refused calls, whose answer does not wait for them
  std::map<int, std::uint64_t> refused_;  // calls, by the answer's status, since they were last summed up
  Instant refused_since_;
  bool stopping_ = false;
  std::map<std::string, engine::Breaker, std::less<>> breakers_;
  std::map<std::string, std::deque<Instant>, std::less<>> recent_;  // events by source, for storms
  std::optional<Duration> refused_at_;                              // when the store last had no room
  // Workflows of runs that began under an earlier configuration, by pinned text. Bounded; cleared by use().
  std::map<std::string, std::shared_ptr<const BoundWorkflow>, std::less<>> pinned_;
};

}  // namespace postlude::pipeline
