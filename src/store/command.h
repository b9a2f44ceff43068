#pragma once
// Command: a unit of work that the writer or the reader thread does for a waiting coroutine. Private to
// store/.

#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "rt/task.h"

namespace postlude::store {

// A suspended coroutine. If dropped without resume(), the coroutine is destroyed.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  virtual void resume() = 0;
};

template <class Source>
class Command {
 public:
  Command() = default;
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  virtual void apply(Source& source) = 0;       // worker thread; called again after a rollback
  virtual void refuse(const Error& error) = 0;  // worker thread; nothing of the command was kept

  std::unique_ptr<Sleeper> sleeper;  // loop thread only
};

template <class Source, class T>
class FunctionCommand final : public Command<Source> {
 public:
  using Work = std::function<Result<T>(Source&)>;
  explicit FunctionCommand(Work work) : work_(std::move(work)) {}
  void apply(Source& source) override { result_.emplace(work_(source)); }
  void refuse(const Error& error) override { result_.emplace(error); }
  Result<T> take() { return *std::move(result_); }

 private:
  Work work_;
  std::optional<Result<T>> result_;
};

// Completed commands on their way back to the loop. If the loop has stopped and never takes them, the
// destructor drops their coroutines; otherwise command and coroutine would keep each other alive.
template <class Source>
class Finished {
 public:
  using List = std::vector<std::shared_ptr<Command<Source>>>;
  explicit Finished(List list) : list_(std::move(list)) {}
  ~Finished() {
    for (auto& command : list_)
      command->sleeper.reset();
  }
  Finished(const Finished&) = delete;
  Finished& operator=(const Finished&) = delete;
  void resume() {
    List list = std::exchange(list_, {});
    for (auto& command : list) {
      const std::unique_ptr<Sleeper> sleeper = std::move(command->sleeper);
      if (sleeper) sleeper->resume();
    }
  }

 private:
  List list_;
};

}  // namespace postlude::store
