#pragma once
// Edges: the edge of each kind of call. Another one is a class like HttpEdge and a line in Edges.

#include "http/client.h"
#include "pipeline/edge.h"
#include "rt/aside.h"

namespace postlude::pipeline {

// The cluster that a target's `auth` names, if it is of one.
kube::Cluster cluster_of(const connector::Auth& auth);

class HttpEdge final : public Edge {
 public:
  explicit HttpEdge(http::Client& client) : client_(client) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  http::Client& client_;
};

// A thread for each mail, as many as the target's limits allow.
class MailEdge final : public Edge {
 public:
  explicit MailEdge(rt::Loop& loop) : aside_(loop) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  rt::Aside aside_;
};

// Hands each ask to the edge of its kind.
class Edges final : public Edge {
 public:
  Edges(rt::Loop& loop, http::Client& client) : http_(client), mail_(loop) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  HttpEdge http_;
  MailEdge mail_;
};

}  // namespace postlude::pipeline
