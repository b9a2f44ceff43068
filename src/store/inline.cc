#include "store/inline.h"

#include <deque>

#include "rt/virtual_clock.h"

namespace postlude::store {

struct Inline::State : std::enable_shared_from_this<Inline::State> {
  State(rt::Loop& loop_in, std::shared_ptr<Memory> memory_in, const Options& options, OnCommit on_commit_in)
      : loop(loop_in),
        memory(std::move(memory_in)),
        ledger(memory->db(), options.follow),
        group_max(options.group_max),
        queue_max(options.queue_max),
        on_commit(std::move(on_commit_in)) {}

  void plan_write() {
    if (writing || closed || writes.empty()) return;
    writing = true;
    loop.post([self = shared_from_this()] { self->write_group(); });
  }

  void write_group() {
    if (closed) return;
    std::vector<std::shared_ptr<Write>> group;
    while (!writes.empty() && group.size() < group_max) {
      group.push_back(std::move(writes.front()));
      writes.pop_front();
    }
    high = std::max(high, group.size());
    apply_or_each(group, [this](const auto& part) { return apply(part); });
    if (memory->crashed()) {
      closed = true;
      held = std::make_shared<Finished<Ledger>>(std::move(group));
      loop.stop();
      return;
    }
    CommitReport report = report_of(ledger, {});
    auto finished = std::make_shared<Finished<Ledger>>(std::move(group));
    auto deliver = [self = shared_from_this(), finished, report = std::move(report)] {
      self->writing = false;
      self->on_commit(report);
      finished->resume();
      self->plan_write();
    };
    const Duration took = memory->latency ? memory->latency() : Duration(0);
    if (took <= Duration(0) || loop.clock() == nullptr) {
      loop.post(std::move(deliver));
    } else {
      loop.clock()->at(
          loop.clock()->steady() + took, [l = &loop, d = std::move(deliver)] { l->post(d); },
          &loop.context());
    }
  }

  Status apply(const std::vector<std::shared_ptr<Write>>& part) {
    if (memory->crashed()) return ok();  // nobody is left to apply it
    TRY_DONE(apply_group(ledger, part));
    ++commits;
    commands += part.size();
    return ok();
  }

  void read_one() {
    if (closed || reads.empty()) return;
    const std::shared_ptr<Read> command = std::move(reads.front());
    reads.pop_front();
    const Status begun = memory->db().begin_read();
    if (begun) {
      command->apply(memory->db());
      memory->db().roll_back();
    } else {
      command->refuse(begun.error());
    }
    auto finished = std::make_shared<Finished<sql::Connection>>(std::vector{command});
    loop.post([finished] { finished->resume(); });
  }

  rt::Loop& loop;
  std::shared_ptr<Memory> memory;
  Ledger ledger;
  const std::size_t group_max;
  const std::size_t queue_max;
  OnCommit on_commit;
  std::deque<std::shared_ptr<Write>> writes;
  std::deque<std::shared_ptr<Read>> reads;
  std::shared_ptr<Finished<Ledger>> held;  // what the crash kept from being told
  bool writing = false;
  bool closed = false;
  std::uint64_t commits = 0;
  std::uint64_t commands = 0;
  std::size_t high = 0;
};

Inline::Inline(rt::Loop& loop, std::shared_ptr<Memory> memory, const Options& options, OnCommit on_commit)
    : state_(std::make_shared<State>(loop, std::move(memory), options, std::move(on_commit))) {}

Inline::~Inline() {
  state_->closed = true;
  state_->held.reset();
  const Finished<Ledger> writes({state_->writes.begin(), state_->writes.end()});
  const Finished<sql::Connection> reads({state_->reads.begin(), state_->reads.end()});
  state_->writes.clear();
  state_->reads.clear();
}

bool Inline::push(std::shared_ptr<Write> command) {
  if (state_->writes.size() >= state_->queue_max) return false;
  state_->writes.push_back(std::move(command));
  state_->plan_write();
  return true;
}

bool Inline::push(std::shared_ptr<Read> command) {
  if (state_->reads.size() >= state_->queue_max) return false;
  state_->reads.push_back(std::move(command));
  state_->loop.post([state = state_] { state->read_one(); });
  return true;
}

Ledger& Inline::ledger() {
  return state_->ledger;
}

Stats Inline::stats() const {
  return {state_->commits, state_->commands, state_->high};
}

}  // namespace postlude::store
