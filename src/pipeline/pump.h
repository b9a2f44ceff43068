#pragma once
// Pump: keeps the pipeline moving. Holds no work of its own: it asks the store, and forgets.
//
//   plan loop     an accepted event, or the oldest unplanned ones -> Pipeline::plan; one at a time per canary
//   step loop     due steps, as many as their targets have room for -> Pipeline::advance, in a Group
//
// Loop thread only.

#include <deque>
#include <map>
#include <set>
#include <string>

#include "pipeline/pipeline.h"
#include "rt/group.h"

namespace postlude::pipeline {

struct PumpOptions {
  std::size_t steps_max = 4'096;             // carried out at once, over all targets
  std::size_t built_ins_max = 256;           // of them without a target
  std::size_t planning_max = 512;            // events in hand; more stay in the store until there is room
  Duration drain = std::chrono::seconds(7);  // at the end, for requests that have been sent
  // Whatever else wakes the loops, they look again after this: for what nobody told of.
  Duration plan_again = std::chrono::seconds(1);
  Duration step_again = std::chrono::milliseconds(500);
};

class Pump {
 public:
  Pump(rt::Loop& loop, Pipeline& pipeline, store::Store& store, PumpOptions options);

  void start();             // begins both loops
  void offer(Event event);  // accepted just now; the store has it
  rt::Task<bool> stop();    // takes no more; true: all that was under way has ended within `drain`
  rt::Task<> finish();      // after the client was stopped: what is left ends at once
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
  bool stopping_ = false;
  bool behind_ = true;   // the store may have unplanned events that are not in hand
  bool missed_ = false;  // an event was accepted while the plan loop read the store
  std::map<std::string, std::deque<Event>> canaries_;  // in hand, per canary in order
  std::set<EventId> in_hand_;
  std::size_t bytes_in_hand_ = 0;                              // of their texts
  std::map<std::string, std::size_t, std::less<>> under_way_;  // steps per target
  std::size_t steps_ = 0;
  Duration until_rate_{};  // until a target whose rate was used up has room again; as the last claim found it
};

}  // namespace postlude::pipeline
