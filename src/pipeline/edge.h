#pragma once
// Edge: carries out what an action asks, once: the network, or whatever stands in for it.

#include <functional>
#include <memory>
#include <string>

#include "connector/target.h"
#include "kube/access.h"
#include "model/ask.h"
#include "model/run.h"
#include "rt/task.h"

namespace postlude::pipeline {

// Where an ask goes, and how.
struct Line {
  const connector::Target* target = nullptr;  // lives as long as the attempt that asks
  // Of a target that is a cluster: whom to trust, and the client certificate.
  std::shared_ptr<const kube::Access> cluster;
  bool fresh = false;  // on a connection of its own
  Duration timeout{};  // of the whole exchange
  // Asked immediately before the first byte; false gives kUnavailable. May be asked on another thread.
  std::function<bool()> may_send;
  // For whoever stands in for the network, and never sent: whose request it is.
  AttemptId attempt;
  std::string request;  // its name: "create", "lookup.create"
  Effect effect = Effect::kRead;
  std::string workflow;
  std::string step;  // its id; "": it has none
};

class Edge {
 public:
  virtual ~Edge() = default;

  // `ask` holds its credentials. Errors tell whether the receiver may have acted:
  //   kInvalid      it cannot be asked at all; nothing was handed over
  //   kUnavailable  nothing of it was handed to an established connection
  //   kUnknown      it was, and no complete, well-formed reply within the limits came back
  virtual rt::Task<Result<Reply>> carry_out(Ask ask, Line line) = 0;

  // For whoever stands in for the network: false if it has no answer; the ask is then only shown, as in a
  // shadow run.
  virtual bool answers(const Ask& /*ask*/, const Line& /*line*/) { return true; }
  // Whether it ever says so.
  virtual bool leaves_out() const { return false; }
  // It stands in for the network: what is sent goes to nobody, so nothing is signed for them.
  virtual bool rehearses() const { return false; }
};

}  // namespace postlude::pipeline
