#pragma once
// Exchanging: one request of an attempt: committed before it is sent unless it is a read, sent once, and its
// answer judged and kept.

#include <functional>
#include <memory>
#include <optional>

#include "pipeline/past_effects.h"

namespace postlude::pipeline {

// Rate limits for the requests after the first; the claim has already taken the first one's turn.
struct Turns {
  Rates& rates;
  std::function<bool()> stopping;
};

// A request and its answer. Shared with a thread that reads a large one.
struct Answered {
  Ask ask;
  Reply reply;
};

// `.response` as it is stored.
struct Stored {
  std::string response;
  bool cut = false;
};

class Exchanging {
 public:
  Exchanging(AttemptState& state, Shadow& shadow, const PastEffects& past, Turns turns)
      : state_(state), shadow_(shadow), past_(past), turns_(std::move(turns)) {}
  // An attempt that sent no request returns the rate token of its claim.
  ~Exchanging();
  Exchanging(const Exchanging&) = delete;
  Exchanging& operator=(const Exchanging&) = delete;

  // nullopt: it went well, or is only shown. `send_before`: not later than that, by the steady clock.
  rt::Task<std::optional<End>> carry_out(const connector::Call* call, Calls calls, Ask ask,
                                         std::optional<Duration> send_before);
  // How long the system asked to wait before it is polled again.
  Duration not_before() const { return not_before_; }

 private:
  Request row_of(const connector::Call& call, Calls calls, const Ask& ask) const;
  Line line_of(const connector::Call& call, Calls calls, const Request& row) const;
  rt::Task<std::optional<Outcome>> take_turn();
  // The access to a target that is a cluster; null: it is none.
  rt::Task<Result<std::shared_ptr<const kube::Access>>> reach();
  Result<Ask> authorised(const connector::Call& call, const Ask& ask, const kube::Access* cluster);
  void note_refused(const Request& row) const;
  rt::Task<std::optional<End>> commit(Request* row, Calls calls);
  rt::Task<connector::Ending> judge(const connector::Call* call, std::shared_ptr<const Answered> came,
                                    Request* row);
  rt::Task<Stored> show(std::shared_ptr<const Answered> came, std::size_t most);
  rt::Task<connector::Ending> interpret(const connector::Call* call, std::shared_ptr<const Answered> came,
                                        Values values);
  std::optional<End> end_of(const connector::Call& call, Calls calls, const Request& row,
                            const connector::Ending& ending) const;

  AttemptState& state_;
  Shadow& shadow_;
  const PastEffects& past_;
  Turns turns_;
  std::size_t asked_ = 0;  // requests of this attempt
  Duration not_before_{};
};

}  // namespace postlude::pipeline
