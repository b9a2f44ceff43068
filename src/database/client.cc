#include "database/client.h"

#include <poll.h>
#include <sys/stat.h>

#include <array>

#include "database/job.h"

namespace postlude::database {
namespace {

constexpr Duration kLook = std::chrono::milliseconds(200);  // how soon a stop is noticed

Result<SqlReply> run(const Job& job) {
  if (job.over()) return Error(Code::kUnavailable, job.ended());
  switch (job.place.dialect) {
    case SqlDialect::kPostgresql:
      return run_postgresql(job);
    case SqlDialect::kMysql:
      return run_mysql(job);
    case SqlDialect::kSqlite:
      return run_sqlite(job);
  }
  return Error(Code::kInvalid, "");
}

}  // namespace

bool Job::over() const {
  return *stopping || rt::steady_now() >= until;
}

Duration Job::left() const {
  return std::max<Duration>(until - rt::steady_now(), std::chrono::milliseconds(1));
}

Duration Job::statement_timeout() const {
  return std::max<Duration>(left() * 9 / 10, std::chrono::milliseconds(1));
}

std::string Job::ended() const {
  return *stopping ? "the process is stopping" : "no complete answer within " + to_text(peer.timeout);
}

std::string Job::where() const {
  const bool six = place.host.find(':') != std::string::npos;
  return (six ? "[" + place.host + "]" : place.host) + ":" + std::to_string(place.port);
}

bool wait_for(int socket, bool read, bool write, const Job& job) {
  while (!job.over()) {
    pollfd one{socket, static_cast<short>((read ? POLLIN : 0) | (write ? POLLOUT : 0)), 0};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::min(job.left(), kLook));
    const int ready = poll(&one, 1, static_cast<int>(wait.count()));
    if (ready > 0) return true;
  }
  return false;
}

std::string system_certificates() {
  constexpr std::array<const char*, 4> kPlaces = {"/etc/ssl/certs/ca-certificates.crt",
                                                  "/etc/pki/tls/certs/ca-bundle.crt",
                                                  "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
  for (const char* place : kPlaces) {
    struct stat found {};
    if (stat(place, &found) == 0) return place;
  }
  return "";
}

Client::Client(rt::Loop& loop, std::size_t in_flight_max) : aside_(loop), in_flight_max_(in_flight_max) {}

rt::Task<Result<SqlReply>> Client::carry_out(SqlAsk ask, Peer peer, std::function<bool()> may_send) {
  auto job = std::make_shared<Job>();
  auto place = parse_sql_url(ask.url);
  if (!place) co_return Error(Code::kInvalid, "the URL of the database: " + place.error().message);
  const Result<json::value> params = parse_json(ask.params);
  if (!params || !params->is_array()) co_return Error(Code::kInvalid, "the parameters are no list");
  if (in_flight_ == in_flight_max_) {
    rt::Latch turn;
    waiting_.push_back(&turn);
    co_await turn.wait();
  } else {
    ++in_flight_;
  }
  job->params = params->get_array();
  job->ask = std::move(ask);
  job->place = *std::move(place);
  job->peer = std::move(peer);
  job->may_send = std::move(may_send);
  job->until = rt::steady_now() + job->peer.timeout;
  job->stopping = stopping_;
  std::function<Result<SqlReply>()> call = [job] { return run(*job); };
  AWAIT(Result<Result<SqlReply>> reply, aside_.run(std::move(call)));
  if (waiting_.empty()) {
    --in_flight_;
  } else {
    rt::Latch* next = waiting_.front();
    waiting_.pop_front();
    next->open();
  }
  if (!reply) co_return reply.error();
  co_return *std::move(reply);
}

void Client::stop() {
  *stopping_ = true;
}

}  // namespace postlude::database
