#pragma once
// Edges: the edge of each kind of call. Another one is a class like HttpEdge and a line in Edges.

#include "http/client.h"
#include "pipeline/edge.h"

namespace postlude::pipeline {

class HttpEdge final : public Edge {
 public:
  explicit HttpEdge(http::Client& client) : client_(client) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  http::Client& client_;
};

// Hands each ask to the edge of its kind.
class Edges final : public Edge {
 public:
  explicit Edges(http::Client& client) : http_(client) {}
  rt::Task<Result<Reply>> carry_out(Ask ask, Line line) override;

 private:
  HttpEdge http_;
};

}  // namespace postlude::pipeline
