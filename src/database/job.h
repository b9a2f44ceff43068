#pragma once
// Job: one exchange with a database, as its thread has it. Only for this folder.

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "base/json.h"
#include "database/client.h"

namespace postlude::database {

struct Job {
  SqlAsk ask;
  SqlPlace place;
  Peer peer;
  json::array params;
  std::function<bool()> may_send;
  Duration until{};  // by the steady clock
  std::shared_ptr<std::atomic<bool>> stopping;

  bool over() const;
  Duration left() const;  // at least a millisecond
  // For the server, so that its own word about a statement that takes too long comes before our end.
  Duration statement_timeout() const;
  bool may_go_on() const { return !may_send || may_send(); }
  // "no complete answer within 30s".
  std::string ended() const;
  std::string where() const;  // "db.example.com:5432"
};

// Waits until the socket can be read or written; false: the job is over, or the process stops.
bool wait_for(int socket, bool read, bool write, const Job& job);

Result<SqlReply> run_postgresql(const Job& job);
Result<SqlReply> run_mysql(const Job& job);
Result<SqlReply> run_sqlite(const Job& job);

// The system's certificates; "": it has none where they usually are.
std::string system_certificates();

}  // namespace postlude::database
