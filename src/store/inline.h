#pragma once
// Inline: runs commands on the loop's own thread, over a Memory, in the same groups as Writer. For virtual
// time. Private to store/.

#include "store/memory.h"
#include "store/writer.h"

namespace postlude::store {

class Inline final : public Worker {
 public:
  Inline(rt::Loop& loop, std::shared_ptr<Memory> memory, const Options& options, OnCommit on_commit);
  ~Inline() override;  // like a crash: drops queued commands and the coroutines that wait for them

  bool push(std::shared_ptr<Write> command) override;
  bool push(std::shared_ptr<Read> command) override;
  Ledger& ledger() override;
  Status begin() override { return ok(); }
  Stats stats() const override;

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with callbacks that the loop may run after our destruction
};

}  // namespace postlude::store
