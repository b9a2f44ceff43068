#pragma once
// Edges: the edge of each kind of call. Another one is a class like HttpEdge and a line in Edges.

#include "database/client.h"
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

class SqlEdge final : public Edge {
 public:
  explicit SqlEdge(database::Client& client) : client_(client) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  database::Client& client_;
};

// Hands each ask to the edge of its kind.
class Edges final : public Edge {
 public:
  Edges(rt::Loop& loop, http::Client& http, database::Client& sql) : http_(http), mail_(loop), sql_(sql) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  HttpEdge http_;
  MailEdge mail_;
  SqlEdge sql_;
};

}  // namespace postlude::pipeline
