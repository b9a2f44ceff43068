#include "pipeline/edges.h"

#include <array>

#include "http/mail.h"

namespace postlude::pipeline {

kube::Cluster cluster_of(const connector::Auth& auth) {
  kube::Cluster cluster;
  cluster.in_cluster = auth.kind == connector::Auth::Kind::kInCluster;
  (cluster.in_cluster ? cluster.folder : cluster.kubeconfig) = auth.file;
  cluster.context = auth.name;
  cluster.insecure = auth.insecure;
  return cluster;
}

namespace {

// Without a proxy.
http::Peer peer_of(const Line& line) {
  const connector::Target& target = *line.target;
  http::Peer peer;
  peer.pool = target.name;
  peer.pool_max = target.limits.concurrency;
  peer.fresh = line.fresh;
  peer.ca_file = target.ca_file;
  peer.cert_file = target.cert_file;
  peer.key_file = target.key_file;
  if (line.cluster) {
    peer.ca_pem = line.cluster->ca;
    peer.cert_pem = line.cluster->cert;
    peer.key_pem = line.cluster->key;
    peer.verify = line.cluster->verify;
  }
  peer.timeout = line.timeout;
  peer.response_bytes_max = target.response_bytes_max;
  return peer;
}

}  // namespace

rt::Task<Result<Reply>> HttpEdge::carry_out(Ask ask, Line line) {
  auto request = std::get<HttpRequest>(std::move(ask));
  http::Peer peer = peer_of(line);
  const connector::Target& target = *line.target;
  const bool own = !target.proxy.empty() || target.without_proxy;  // goes before the kubeconfig's
  peer.proxy = line.cluster && !line.cluster->proxy.empty() && !own
                   ? line.cluster->proxy
                   : connector::proxy_for(target, request.target);
  AWAIT_TRY(HttpResponse answer, client_.send(std::move(request), std::move(peer), std::move(line.may_send)));
  co_return Reply(std::move(answer));
}

rt::Task<Result<Reply>> MailEdge::carry_out(Ask ask, Line line) {
  http::Peer peer = peer_of(line);
  peer.fresh = true;
  peer.proxy = line.target->proxy;  // the environment's are for http and https
  std::function<Result<MailReply>()> send = [mail = std::get<Mail>(std::move(ask)), peer = std::move(peer),
                                             may_send = std::move(line.may_send)] {
    return http::send_mail(mail, peer, may_send);
  };
  AWAIT_TRY(Result<MailReply> sent, aside_.run(std::move(send)));
  if (!sent) co_return sent.error();
  co_return Reply(*std::move(sent));
}

namespace {

// Where the target says nothing: what passes the machine's border is encrypted, and for whom is certain.
database::Tls tls_of(const std::string& mode, std::string_view url) {
  if (mode == "disable") return database::Tls::kDisable;
  if (mode == "prefer") return database::Tls::kPrefer;
  if (mode == "require") return database::Tls::kRequire;
  if (mode == "verify-full") return database::Tls::kVerifyFull;
  const Result<SqlPlace> place = parse_sql_url(url);
  const bool here =
      place && (place->host == "localhost" || place->host == "::1" || place->host.starts_with("127."));
  return here ? database::Tls::kPrefer : database::Tls::kVerifyFull;
}

}  // namespace

rt::Task<Result<Reply>> SqlEdge::carry_out(Ask ask, Line line) {
  auto asked = std::get<SqlAsk>(std::move(ask));
  const connector::Target& target = *line.target;
  database::Peer peer;
  peer.tls = tls_of(target.tls_mode, asked.url);
  peer.ca_file = target.ca_file;
  peer.cert_file = target.cert_file;
  peer.key_file = target.key_file;
  peer.timeout = line.timeout;
  peer.response_bytes_max = target.response_bytes_max;
  AWAIT_TRY(SqlReply reply, client_.carry_out(std::move(asked), std::move(peer), std::move(line.may_send)));
  co_return Reply(std::move(reply));
}

rt::Task<Result<Reply>> Edges::carry_out(Ask ask, Line line) {
  const std::array<Edge*, std::variant_size_v<Ask>> by_kind = {&http_, &mail_, &sql_};  // in the order of Ask
  Edge* edge = by_kind.at(ask.index());
  AWAIT(Result<Reply> reply, edge->carry_out(std::move(ask), std::move(line)));
  co_return reply;
}

}  // namespace postlude::pipeline
