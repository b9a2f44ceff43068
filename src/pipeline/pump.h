#pragma once
// Pump: drives the pipeline: takes events to plan and due steps from the store, and carries them out.
//
//   plan loop     accepted or unplanned events -> Pipeline::plan; one at a time per canary
//   step loop     due steps, within their targets' limits -> Pipeline::advance, in a Group
//
// Loop thread only.

#include <deque>
#include <map>
#include <set>
#include <string>

#include "base/repeated.h"
#include "pipeline/pipeline.h"
#include "rt/group.h"

namespace postlude::pipeline {

struct PumpOptions {
  std::size_t steps_max = 4'096;             // steps carried out at once, over all targets
  std::size_t built_ins_max = 256;           // built-in steps at once
  std::size_t planning_max = 512;            // events in memory; more wait in the store
  Duration drain = std::chrono::seconds(7);  // on shutdown: time for requests in flight
  // The loops ask the store at least this often, in case a wake-up was missed.
  Duration plan_again = std::chrono::seconds(1);
  Duration step_again = std::chrono::milliseconds(500);
};

class Pump {
 public:
  Pump(rt::Loop& loop, Pipeline& pipeline, store::Store& store, PumpOptions options);

  void start();             // starts both loops
  void offer(Event event);  // an event to plan that was just accepted; the store has it
  rt::Task<bool> stop();    // takes no new work; true: all steps in flight ended within `drain`
  rt::Task<>
  finish();  // waits for the rest; call it after the client was stopped, which ends requests at once
  void abandon() { group_.abandon(); }

 private:
  rt::Task<> plan_loop();
  rt::Task<> plan_canary(std::string key);
  void enqueue(Event event);
  void put_down(const Event& event);
  rt::Task<> step_loop();
  rt::Task<> carry(store::Work work);
  store::Claim next_claim();
  void settle_rates(const store::Claim& claim, const std::vector<store::Work>& works);

  rt::Loop& loop_;
  Pipeline& pipeline_;
  store::Store& store_;
  PumpOptions options_;
  rt::Group group_;
  rt::Waker plan_waker_;
  Repeated not_claimed_, not_planned_, not_read_;
  bool stopping_ = false;
  bool behind_ = true;   // the store may have unplanned events that are not in memory
  bool missed_ = false;  // an event was accepted while the plan loop read the store
  std::map<std::string, std::deque<Event>> canaries_;  // events in memory, per canary, in order
  std::set<EventId> in_hand_;
  std::size_t bytes_in_hand_ = 0;                              // of the events' texts
  std::map<std::string, std::size_t, std::less<>> under_way_;  // steps per target
  std::size_t steps_ = 0;
  Duration until_rate_{};  // time until a target that had used up its rate has room again, at the last claim
};

}  // namespace postlude::pipeline
