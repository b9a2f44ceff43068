#pragma once
// Rehearsal: the production pipeline, pump, store and rules in virtual time, with a responder in place of the
// network: for simulations, `test` and `simulate`. The same seed, calls and answers make the same history.
//
//   auto r = Rehearsal::begin(rules, expressions, responder, options);
//   r->accept({.source = "flagger", .hook = "post-rollout", .payload = "{…}"});
//   r->run_until_quiet(std::chrono::hours(24 * 7));
//   auto run = r->ask(r->store().run(id));
//
// One at a time per thread. Nothing here may be called from within its loop, but for receive() and, in calls
// of the clock, whatever does not run.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/pump.h"
#include "rehearsal/wire.h"
#include "rt/virtual_clock.h"
#include "store/memory.h"

namespace postlude::rehearsal {

struct Options {
  std::uint64_t seed = 1;
  Instant start = instant(1'767'225'600'000'000);  // 2026-01-01T00:00:00Z
  std::shared_ptr<store::Memory> memory;           // nullptr: a new one
  Answers answers;                                 // nullptr: to everything
  // Patient: the loops do not look for what nobody told of as often as in real time, so that days pass at
  // once.
  Duration plan_again = std::chrono::seconds(30);
  Duration step_again = std::chrono::hours(1);
};

// An event that needs no proof.
struct Given {
  std::string source;
  std::string hook = "post-rollout";
  std::string cluster;                 // "": the one that the source names, if it is one
  std::string payload;                 // the call's body: a JSON object
  std::optional<Instant> received_at;  // nullopt: now
  // What a cluster would tell after the call, as in Event.
  std::optional<std::string> outcome{};  // nullopt: what the phase says
  std::string canary{};
  std::string release{};
  std::string
      metadata{};  // of an event of our own, as JSON: that of the run's event; others' is in the payload
};

class Rehearsal {
 public:
  // `expressions` outlive it and may be shared; its interpreter is one that does not let time pass
  // (InProcess, Blocking).
  static Result<std::unique_ptr<Rehearsal>> begin(std::shared_ptr<const pipeline::Rules> rules,
                                                  pipeline::Expressions& expressions, Responder responder,
                                                  Options options);
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  // Takes an event in, without HTTP and proof: what the source would make of the payload, and whether it is
  // wanted (else kDenied). Each is new, whatever came before. The source `postlude` is our own events.
  Result<EventId> accept(Given given);
  // The whole road of a call. `answered` is told the answer; nullopt: there was nobody to answer, or they
  // died before.
  using Answered = std::function<void(std::optional<HttpResponse>)>;
  void receive(HttpRequest request, Answered answered);

  // Each runs the loop; false: the time was over first, or the process died.
  bool run_until_quiet(Duration at_most);  // nothing to plan, under way, or to come
  bool run_until(const std::function<bool()>& done, Duration at_most);
  bool advance(Duration d);
  // What the store (or anything else) answers; nullopt: not within a day, or the process died.
  template <class T>
  std::optional<T> ask(rt::Task<T> task);

  // From now on, as after a reload.
  void use(std::shared_ptr<const pipeline::Rules> rules);

  // A commit's fault killed the process: restart() it.
  bool crashed() const { return memory_->crashed(); }
  // The process dies, if it has not, and starts again, `down` later; again and again while its start fails.
  void crash_and_restart(Duration down = Duration(0));

  rt::VirtualClock& clock() { return clock_; }  // calls on it are the world's: they outlive a crash
  store::Memory& memory() { return *memory_; }
  store::Store& store();                        // until the next crash
  pipeline::Pipeline& pipeline();               // until the next crash
  std::uint64_t sent() const { return sent_; }  // how many requests went out

 private:
  struct Life;  // of the process
  Rehearsal(std::shared_ptr<const pipeline::Rules> rules, pipeline::Expressions& expressions,
            Responder responder, Options options);
  Status live();
  void die();
  void pass(Duration d);  // with nobody alive
  rt::Task<Result<EventId>> accepting(Given given);
  rt::Task<Result<EventId>> telling(Given given);
  rt::Task<> receiving(std::uint64_t call, HttpRequest request);
  void answer(std::uint64_t call, std::optional<HttpResponse> response);

  template <class T>
  static rt::Task<> keep(rt::Task<T> task, std::shared_ptr<std::optional<T>> into) {
    AWAIT(T value, std::move(task));
    into->emplace(std::move(value));
  }
  void start(rt::Task<> task);

  rt::VirtualClock clock_;
  Options options_;
  std::shared_ptr<const pipeline::Rules> rules_;
  pipeline::Expressions& expressions_;
  const Responder responder_;
  std::uint64_t sent_ = 0;
  std::uint64_t calls_ = 0;
  std::map<std::uint64_t, Answered> open_calls_;
  metrics::Metrics metrics_;
  std::shared_ptr<store::Memory> memory_;
  std::unique_ptr<Life> life_;
};

template <class T>
std::optional<T> Rehearsal::ask(rt::Task<T> task) {
  auto into = std::make_shared<std::optional<T>>();  // may outlive us in a coroutine that never ends
  start(keep(std::move(task), into));
  run_until([&] { return into->has_value(); }, std::chrono::hours(24));
  return std::move(*into);
}

}  // namespace postlude::rehearsal
