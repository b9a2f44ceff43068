#include "pipeline/edges.h"

#include <array>

namespace postlude::pipeline {

rt::Task<Result<Reply>> HttpEdge::carry_out(Ask ask, Line line) {
  auto request = std::get<HttpRequest>(std::move(ask));
  const connector::Target& target = *line.target;
  http::Peer peer;
  peer.pool = target.name;
  peer.pool_max = target.limits.concurrency;
  peer.fresh = line.fresh;
  peer.proxy = connector::proxy_for(target, request.target);
  peer.ca_file = target.ca_file;
  peer.cert_file = target.cert_file;
  peer.key_file = target.key_file;
  peer.timeout = line.timeout;
  peer.response_bytes_max = target.response_bytes_max;
  AWAIT_TRY(HttpResponse answer, client_.send(std::move(request), std::move(peer), std::move(line.may_send)));
  co_return Reply(std::move(answer));
}

rt::Task<Result<Reply>> Edges::carry_out(Ask ask, Line line) {
  const std::array<Edge*, std::variant_size_v<Ask>> by_kind = {&http_};  // in the order of Ask
  Edge* edge = by_kind.at(ask.index());
  AWAIT(Result<Reply> reply, edge->carry_out(std::move(ask), std::move(line)));
  co_return reply;
}

}  // namespace postlude::pipeline
