#pragma once
// Inline: carries commands out on the loop's own thread, over a Memory: in the writer's groups, in virtual
// time. Private to store/.

#include "store/memory.h"
#include "store/writer.h"

namespace postlude::store {

class Inline final : public Worker {
 public:
  Inline(rt::Loop& loop, std::shared_ptr<Memory> memory, const Options& options, Tell tell);
  ~Inline() override;  // as a crash: what is queued is not done, and who waits for it is let go

  bool push(std::shared_ptr<Write> command) override;
  bool push(std::shared_ptr<Read> command) override;
  Ledger& ledger() override;
  Status begin() override { return ok(); }
  Stats stats() const override;

 private:
  struct State;
  std::shared_ptr<State> state_;  // turns that the loop still has may outlive us
};

}  // namespace postlude::store
