#pragma once
// People: who approve, reject, call back, retry, replay, cancel, skip, resume, dismiss, pause and prune: at
// the right time, and at any other.

#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "model/run.h"
#include "rt/task.h"
#include "store/store.h"

namespace postlude::sim {

class World;

class People {
 public:
  explicit People(World& world) : world_(world) {}

  void do_something();  // anything, to any run
  bool help_out();      // what is waited for; false: nothing is
  bool try_failed_again();
  void unpause_all();

 private:
  struct StepRow {
    std::int64_t run = 0, step = 0, index = 0, state = 0, run_state = 0;
    std::string uses, title;
    bool held = false, asks = false, had_answer = false;
  };

  std::vector<StepRow> steps(const char* where);
  std::int64_t some_run(const char* where = "1 = 1");
  bool answer(const StepRow& step, bool rejects);
  bool call_back(std::string url, bool wrong);
  bool resume(const StepRow& step);
  void retry(std::int64_t run);
  void replay(std::int64_t run);
  void cancel(std::int64_t run);
  void skip(std::int64_t run);
  void dismiss(std::int64_t run);
  void pause();
  void prune();
  bool done(const char* what, const std::optional<Status>& status);

  World& world_;
  int replays_ = 0;
  int callbacks_ = 0;
};

}  // namespace postlude::sim
