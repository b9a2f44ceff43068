#pragma once
// Session: one connection of the server; and the server's private part, which sessions use. Private to http/.

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <unordered_set>

#include "http/request_reader.h"
#include "http/room.h"
#include "http/server.h"

namespace postlude::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
// The concrete executor: asio's default, any_io_executor, adds an indirection to every step.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using rt::Task;

const auto kToken = asio::as_tuple(asio::use_awaitable);

class Session;

enum class Came : std::uint8_t {
  kHead = 1,
  kWhole,
  kLineTooLong,
  kHeadersTooLarge,
  kBodyTooLarge,
  kBroken,
  kSlow,
  kNoRoom,
  kGone
};
enum class Next : std::uint8_t { kRequest = 1, kLinger, kEnd };
enum class Phase : std::uint8_t { kIdle = 1, kHead, kBody, kHandling, kWriting, kDraining };

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(rt::Loop& loop_in, ServerOptions options_in, Handler handler_in)
      : loop(loop_in),
        options(std::move(options_in)),
        handler(std::move(handler_in)),
        acceptor(loop.context()),
        ticker(loop.context()),
        group(loop, "http server"),
        room(options.connections_max, options.bytes_max) {}
  // Sessions refer to this object: all have ended, or the loop has destroyed them.
  ~Impl() { group.abandon(); }

  Status open();
  void begin_closing();
  void close_all();
  void tick();
  void count(const char* why) const {
    if (handler.let_go) handler.let_go(why);
  }
  bool make_room();  // true: it closed one connection for another
  void lighten();    // refuses requests until the others fit
  std::string_view date();
  static Task<> accept(std::shared_ptr<Impl> self);
  static Task<> serve(std::shared_ptr<Impl> self, std::shared_ptr<Session> session);

  rt::Loop& loop;
  ServerOptions options;
  Handler handler;
  Acceptor acceptor;
  asio::steady_timer ticker;
  rt::Group group;
  Room room;
  std::unordered_set<Session*> sessions;
  std::uint16_t port = 0;
  Duration tick_every{};
  bool ticking = false;
  bool closing = false;
  std::string date_text;
  std::int64_t date_second = -1;
};

// One connection: reads a request, gets its answer, reads the next one.
class Session : public Room::Guest {
 public:
  // `extra`: accepted although there was no room; only requests that are always answered get an answer.
  Session(Server::Impl& server, Socket socket, std::string remote, bool extra)
      : server_(server),
        socket_(std::move(socket)),
        remote_(std::move(remote)),
        reader_(server.options.header_bytes_max),
        extra_(extra) {
    server_.sessions.insert(this);
    server_.room.come(*this, Stage::kSilent, rt::steady_now());
  }
  ~Session() {
    server_.room.leave(*this);
    server_.sessions.erase(this);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<> run(std::weak_ptr<Session> self);
  void expire(Duration now);
  void close_if_idle();
  void close();
  void give_way();      // closes for another connection; answers 503 if a request has begun
  void drop_request();  // answers 503, because there is no room for the request's bytes

 private:
  Task<Next> answer_one();
  Task<Next> answer_whole(bool head_only);
  Task<Next> refuse(HttpResponse response);
  Task<Next> refuse_broken(int status, std::string why);
  Task<Came> advance();
  Task<bool> fill();
  Task<bool> flush();
  Task<> linger();

  bool try_flush();
  void flush_soon();
  void enter(Phase phase, Duration at_most);
  void place(Phase phase);
  void weigh();
  void answer(const HttpResponse& response, bool head_only, bool keep);
  std::string why_broken() const { return reader_.why().empty() ? "a line is too long" : reader_.why(); }
  std::string_view buffered() const { return {in_.data() + begin_, end_ - begin_}; }
  void make_room();

  Server::Impl& server_;
  Socket socket_;
  std::string remote_;
  RequestReader reader_;
  std::weak_ptr<Session> self_;
  std::string in_;  // [begin_, end_) was received and not parsed yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string out_;  // from sent_ on not sent yet
  std::size_t sent_ = 0;
  std::size_t drained_ = 0;
  Phase phase_ = Phase::kIdle;
  Duration deadline_ = Duration::max();
  bool timed_out_ = false;
  bool broken_pipe_ = false;
  bool answered_ = false;  // at least one request was answered
  bool dropped_ = false;
  bool closed_ = false;
  const bool extra_;
};

}  // namespace postlude::http
