#pragma once
// Rehearsal: runs the production pipeline, pump, store and rules in virtual time, with a responder in place
// of the network, for simulations, `test` and `simulate`. The same seed, calls and answers give the same
// history.
//
//   auto r = Rehearsal::begin(rules, expressions, responder, options);
//   r->accept({.source = "flagger", .hook = "post-rollout", .payload = "{…}"});
//   r->run_until_quiet(std::chrono::hours(24 * 7));
//   auto run = r->ask(r->store().run(id));
//
// One at a time per thread. Do not call it from within its loop, except receive() and, in calls of the clock,
// functions that do not run the loop.

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
  Answers answers;                                 // nullptr: the responder answers everything
  // Patient: the loops ask the store less often than in real time, so that days pass at once.
  Duration plan_again = std::chrono::seconds(30);
  Duration step_again = std::chrono::hours(1);
};

// An event without proof.
struct Given {
  std::string source;
  std::string hook = "post-rollout";
  std::string cluster;                 // "": the only one that the source names
  std::string payload;                 // the call's body, a JSON object
  std::optional<Instant> received_at;  // nullopt: now
  // What a cluster would report after the call, as in Event.
  std::optional<std::string> outcome{};  // nullopt: follows from the phase
  std::string canary{};
  std::string release{};
  // Of an event of our own, as JSON: that of the run's event; others' is in the payload.
  std::string metadata{};
};

class Rehearsal {
 public:
  // `expressions` must outlive it and may be shared; its interpreter must not let time pass (InProcess,
  // Blocking).
  static Result<std::unique_ptr<Rehearsal>> begin(std::shared_ptr<const pipeline::Rules> rules,
                                                  pipeline::Expressions& expressions, Responder responder,
                                                  Options options);
  ~Rehearsal();
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  // Accepts an event, without HTTP and proof: with the source's mapping of the payload, and if the source
  // accepts it (else kDenied). Never a duplicate. For the source `postlude`: an event of our own.
  Result<EventId> accept(Given given);
  // Passes a whole call. Gives the answer to `answered`; nullopt: the process was down, or died before it
  // answered.
  using Answered = std::function<void(std::optional<HttpResponse>)>;
  void receive(HttpRequest request, Answered answered);

  // Each runs the loop. false: the time was over first, or the process died.
  bool run_until_quiet(Duration at_most);  // nothing to plan, in progress, or scheduled
  bool run_until(const std::function<bool()>& done, Duration at_most);
  bool advance(Duration d);
  // The result of a task of the store (or of another part); nullopt: none within a day, or the process died.
  template <class T>
  std::optional<T> ask(rt::Task<T> task);

  // Uses these rules from now on, as after a reload.
  void use(std::shared_ptr<const pipeline::Rules> rules);

  // A commit's fault killed the process: call restart().
  bool crashed() const { return memory_->crashed(); }
  // Kills the process, if it lives, and starts it `down` later; repeats this while the start fails.
  void crash_and_restart(Duration down = Duration(0));

  rt::VirtualClock& clock() { return clock_; }  // calls on it belong to the world: they survive a crash
  store::Memory& memory() { return *memory_; }
  store::Store& store();                        // until the next crash
  pipeline::Pipeline& pipeline();               // until the next crash
  std::uint64_t sent() const { return sent_; }  // number of requests sent

 private:
  struct Life;  // of the process
  Rehearsal(std::shared_ptr<const pipeline::Rules> rules, pipeline::Expressions& expressions,
            Responder responder, Options options);
  Status live();
  void die();
  void pass(Duration d);  // while no process lives
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
  auto into = std::make_shared<std::optional<T>>();  // may outlive this, in a coroutine that never ends
  start(keep(std::move(task), into));
  run_until([&] { return into->has_value(); }, std::chrono::hours(24));
  return std::move(*into);
}

}  // namespace postlude::rehearsal
