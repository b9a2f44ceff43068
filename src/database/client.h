#pragma once
// Client: hands one statement to a database, once, on a connection of its own.
//
// Each call blocks a thread of its own; everything here is for the loop thread.

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "model/sql.h"
#include "rt/aside.h"

namespace postlude::database {

enum class Tls : std::uint8_t {
  kDisable = 1,
  kPrefer,      // if the server can
  kRequire,     // encrypted; whoever the server is
  kVerifyFull,  // its certificate is trusted, and names its host
};

// How a database is reached.
struct Peer {
  Tls tls = Tls::kVerifyFull;
  std::string ca_file;  // "": the system's certificates
  std::string cert_file, key_file;
  Duration timeout = std::chrono::seconds(30);  // of the whole exchange, from connecting to the commit
  std::size_t response_bytes_max = 8U << 20U;
};

class Client {
 public:
  explicit Client(rt::Loop& loop, std::size_t in_flight_max = 64);

  // Errors tell whether the database may have acted:
  //   kInvalid      the URL, the statement or its rows are unusable; nothing was committed
  //   kUnavailable  there was no connection, or it was lost while nothing could have been committed
  //   kUnknown      the statement was handed over, and whether it was committed did not come back
  // What the database itself says is wrong is a reply. `may_send` (optional) is asked on the call's thread,
  // before the statement and before the commit: false gives kUnavailable.
  rt::Task<Result<SqlReply>> carry_out(SqlAsk ask, Peer peer, std::function<bool()> may_send = nullptr);

  // Ends the exchanges in progress, and refuses new ones. Run the loop until all callers have their answers
  // before destroying the client.
  void stop();

 private:
  rt::Aside aside_;
  std::size_t in_flight_max_;
  std::size_t in_flight_ = 0;
  std::deque<rt::Latch*> waiting_;  // for a thread; in the frames of their coroutines
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace postlude::database
