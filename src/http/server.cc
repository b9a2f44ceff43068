#include "http/server.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unordered_set>

#include "base/check.h"
#include "base/log.h"
#include "http/request_reader.h"
#include "http/wire.h"

namespace postlude::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
// The concrete executor: asio's default, any_io_executor, costs an indirection at every step.
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using rt::Task;

constexpr std::size_t kBufferMin = 4U << 10U;
constexpr std::size_t kBufferMax = 64U << 10U;  // the longest line of a chunked body, too
constexpr std::size_t kFlushAt = 64U << 10U;    // answers to pipelined requests are sent together up to here
constexpr int kBacklog = 4096;
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

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
  kGone
};
enum class Next : std::uint8_t { kRequest = 1, kLinger, kEnd };
enum class Phase : std::uint8_t { kIdle = 1, kHead, kBody, kHandling, kWriting, kDraining };

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  Impl(rt::Loop& loop_in, ServerOptions options_in, Handler handler_in)
      : loop(loop_in),
        options(std::move(options_in)),
        handler(std::move(handler_in)),
        acceptor(loop.context()),
        ticker(loop.context()),
        group(loop, "http server") {}
  // The sessions hold this object: none is left, or the loop has destroyed them.
  ~Impl() { group.abandon(); }

  Status open();
  void begin_closing();
  void close_all();
  void tick();
  std::string_view date();
  static Task<> accept(std::shared_ptr<Impl> self);
  static Task<> serve(std::shared_ptr<Impl> self, std::shared_ptr<Session> session);

  rt::Loop& loop;
  ServerOptions options;
  Handler handler;
  Acceptor acceptor;
  asio::steady_timer ticker;
  rt::Group group;
  std::unordered_set<Session*> sessions;
  std::uint16_t port = 0;
  Duration tick_every{};
  bool ticking = false;
  bool closing = false;
  std::string date_text;
  std::int64_t date_second = -1;
};

namespace {

// One connection: reads a request, has it answered, reads the next.
class Session {
 public:
  Session(Server::Impl& server, Socket socket, std::string remote)
      : server_(server),
        socket_(std::move(socket)),
        remote_(std::move(remote)),
        reader_(server.options.header_bytes_max) {
    server_.sessions.insert(this);
  }
  ~Session() { server_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Task<> run(std::weak_ptr<Session> self);
  void expire(Duration now);
  void close_if_idle();
  void close();

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
  void answer(const HttpResponse& response, bool head_only, bool keep);
  std::string why_broken() const { return reader_.why().empty() ? "a line is too long" : reader_.why(); }
  std::string_view buffered() const { return {in_.data() + begin_, end_ - begin_}; }
  void make_room();

  Server::Impl& server_;
  Socket socket_;
  std::string remote_;
  RequestReader reader_;
  std::weak_ptr<Session> self_;
  std::string in_;  // [begin_, end_) has been received and not been read
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string out_;  // from sent_ on, not sent
  std::size_t sent_ = 0;
  std::size_t drained_ = 0;
  Phase phase_ = Phase::kIdle;
  Duration deadline_ = Duration::max();
  bool timed_out_ = false;
  bool broken_pipe_ = false;
};

void Session::enter(Phase phase, Duration at_most) {
  phase_ = phase;
  deadline_ = at_most == Duration::max() ? at_most : rt::steady_now() + at_most;
  timed_out_ = false;
}

void Session::expire(Duration now) {
  if (now < deadline_) return;
  deadline_ = Duration::max();
  timed_out_ = true;
  error_code ignored;
  if (phase_ == Phase::kHead || phase_ == Phase::kBody || phase_ == Phase::kDraining) {
    socket_.cancel(ignored);
  } else {
    socket_.close(ignored);
  }
}

void Session::close() {
  error_code ignored;
  socket_.close(ignored);
}

void Session::close_if_idle() {
  error_code ignored;
  if (phase_ != Phase::kIdle || begin_ < end_ || socket_.available(ignored) > 0) return;
  if (try_flush() && out_.empty()) close();
}

Task<> Session::run(std::weak_ptr<Session> self) {
  self_ = std::move(self);
  auto next = Next::kRequest;
  while (next == Next::kRequest)
    next = co_await answer_one();
  if (next == Next::kLinger) co_await linger();
  close();
}

Task<Next> Session::answer_one() {
  reader_.reset();
  enter(Phase::kIdle, server_.options.idle_timeout);
  const Came came = co_await advance();
  if (came == Came::kGone) co_return Next::kEnd;
  if (came == Came::kSlow) co_return co_await refuse_broken(408, "the headers took too long");
  if (came == Came::kBroken) co_return co_await refuse_broken(400, why_broken());
  if (came == Came::kLineTooLong) co_return co_await refuse_broken(431, "the request line is too long");

  HttpRequest& request = reader_.request();
  request.remote = remote_;
  request.received_at = rt::now();
  const bool headers_too_large = came == Came::kHeadersTooLarge;
  HeadVerdict verdict = server_.handler.head(request, headers_too_large);
  if (headers_too_large) {
    if (auto* response = std::get_if<HttpResponse>(&verdict)) {
      answer(*response, request.method == "HEAD", false);
      const bool sent = co_await flush();
      co_return sent ? Next::kLinger : Next::kEnd;
    }
    co_return co_await refuse_broken(431, "the headers are too large");
  }
  if (auto* response = std::get_if<HttpResponse>(&verdict)) co_return co_await refuse(std::move(*response));

  const std::size_t bytes_max = std::get<ReadBody>(verdict).bytes_max;
  const auto announced = reader_.announced_bytes();
  if (announced && *announced > bytes_max) co_return co_await refuse(server_.handler.too_large(request));
  const bool head_only = request.method == "HEAD";
  if (!reader_.has_body()) co_return co_await answer_whole(head_only);

  reader_.read_body(bytes_max);
  if (reader_.expects_continue() && begin_ == end_) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  enter(Phase::kBody, server_.options.body_timeout);
  const Came body = co_await advance();
  if (body == Came::kWhole) co_return co_await answer_whole(head_only);
  if (body == Came::kBodyTooLarge) co_return co_await refuse(server_.handler.too_large(request));
  if (body == Came::kBroken) co_return co_await refuse_broken(400, why_broken());
  if (body == Came::kSlow) co_return co_await refuse_broken(408, "the body took too long");
  co_return Next::kEnd;
}

Task<Next> Session::answer_whole(bool head_only) {
  enter(Phase::kHandling, Duration::max());
  if (!out_.empty()) flush_soon();
  auto handling = server_.handler.handle(std::move(reader_.request()));
  const HttpResponse response = co_await std::move(handling);
  const bool keep = reader_.keep_alive() && !server_.closing;
  answer(response, head_only, keep);
  if (keep && begin_ < end_ && out_.size() < kFlushAt)
    co_return Next::kRequest;  // sent when the input runs dry
  const bool sent = try_flush() || co_await flush();
  if (!sent) co_return Next::kEnd;
  if (keep) co_return Next::kRequest;
  co_return begin_ < end_ ? Next::kLinger : Next::kEnd;
}

// Answers a request whose body has not been read, and reads it all the same, within limits: a sender that
// only looks at the answer after its last byte would meet a reset otherwise.
Task<Next> Session::refuse(HttpResponse response) {
  const auto announced = reader_.announced_bytes();
  const bool bodiless = !reader_.has_body();
  const bool readable =
      bodiless || (!reader_.expects_continue() && announced.value_or(0) <= server_.options.drain_bytes_max);
  const bool keep = reader_.keep_alive() && !server_.closing && readable;
  answer(response, reader_.request().method == "HEAD", keep);
  if (keep && bodiless && begin_ < end_ && out_.size() < kFlushAt) co_return Next::kRequest;
  const bool sent = try_flush() || co_await flush();
  if (!sent) co_return Next::kEnd;
  if (bodiless) co_return keep ? Next::kRequest : Next::kEnd;
  if (!keep) co_return Next::kLinger;
  reader_.discard_body();
  drained_ = 0;
  enter(Phase::kDraining, server_.options.drain_time);
  const Came came = co_await advance();
  co_return came == Came::kWhole ? Next::kRequest : Next::kEnd;
}

Task<Next> Session::refuse_broken(int status, std::string why) {
  const HttpResponse response = server_.handler.broken(status, std::move(why));
  answer(response, false, false);
  const bool sent = co_await flush();
  co_return sent ? Next::kLinger : Next::kEnd;
}

// Says that no more will come from us, then reads until the peer has heard it: closing a socket with unread
// bytes resets the connection, and the peer may lose the answer.
Task<> Session::linger() {
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  drained_ = end_ - begin_;
  enter(Phase::kDraining, server_.options.drain_time);
  while (!error && drained_ < server_.options.drain_bytes_max) {
    begin_ = end_ = 0;
    const bool more = co_await fill();
    if (!more) break;
    drained_ += end_;
  }
}

void Session::answer(const HttpResponse& response, bool head_only, bool keep) {
  const AnswerForm form{head_only, keep, reader_.http_1_0(), server_.date()};
  append_answer(out_, response, form);
}

// Reads until the reader has something to tell.
Task<Came> Session::advance() {
  using Got = RequestReader::Got;
  while (true) {
    if (begin_ < end_) {
      const auto step = reader_.take(buffered());
      begin_ += step.used;
      switch (step.got) {
        case Got::kHead:
          co_return Came::kHead;
        case Got::kWhole:
          co_return Came::kWhole;
        case Got::kLineTooLong:
          co_return Came::kLineTooLong;
        case Got::kHeadersTooLarge:
          co_return Came::kHeadersTooLarge;
        case Got::kBodyTooLarge:
          co_return Came::kBodyTooLarge;
        case Got::kBroken:
          co_return Came::kBroken;
        case Got::kNeedMore:
          break;
      }
      if (phase_ == Phase::kDraining && (drained_ += step.used) > server_.options.drain_bytes_max)
        co_return Came::kGone;
      if (phase_ == Phase::kIdle && reader_.started()) enter(Phase::kHead, server_.options.header_timeout);
      // The reader wants a whole line, and the buffer is as long as a line may be.
      if (end_ - begin_ == kBufferMax) co_return Came::kBroken;
    }
    const Phase phase = phase_;
    const bool more = co_await fill();
    if (!more) co_return timed_out_&& phase != Phase::kIdle ? Came::kSlow : Came::kGone;
  }
}

void Session::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    // What a large body needed is not kept for a connection that may idle.
    if (phase_ == Phase::kIdle && in_.size() > kBufferMin) in_ = std::string();
  }
  if (in_.empty()) in_.resize(kBufferMin);
  if (end_ < in_.size()) return;
  if (begin_ > 0) {
    in_.erase(0, begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  in_.resize(std::min(kBufferMax, std::max(kBufferMin, end_ * 4)));
}

// More bytes from the peer. false: it is gone, or the time is over (timed_out_).
Task<bool> Session::fill() {
  if (!out_.empty() && !try_flush()) {
    const bool sent = co_await flush();
    if (!sent) co_return false;
  }
  if (timed_out_ || (phase_ == Phase::kIdle && server_.closing)) co_return false;
  make_room();
  auto reading = socket_.async_read_some(asio::buffer(in_.data() + end_, in_.size() - end_), kToken);
  const auto [error, n] = co_await std::move(reading);
  end_ += n;
  co_return n > 0;
}

// true: all is sent.
bool Session::try_flush() {
  while (sent_ < out_.size() && !broken_pipe_) {
    error_code error;
    sent_ += socket_.write_some(asio::buffer(out_.data() + sent_, out_.size() - sent_), error);
    if (error == asio::error::would_block) return false;
    if (error) broken_pipe_ = true;
  }
  if (sent_ < out_.size()) return false;
  sent_ = 0;
  out_.clear();
  if (out_.capacity() > 2 * kFlushAt) out_ = std::string();
  return true;
}

// Pipelined requests: the answers so far must not wait for a request that takes long. If it does not take
// long, the session gets here first, and sends them all together.
void Session::flush_soon() {
  asio::post(server_.loop.context(), [weak = self_] {
    const auto self = weak.lock();
    if (self && self->phase_ == Phase::kHandling) self->try_flush();
  });
}

Task<bool> Session::flush() {
  if (try_flush()) co_return true;
  const Phase phase = phase_;
  const Duration deadline = deadline_;
  enter(Phase::kWriting, server_.options.write_timeout);
  while (!try_flush()) {
    if (broken_pipe_) co_return false;
    auto writable = socket_.async_wait(Socket::wait_write, kToken);
    const auto [error] = co_await std::move(writable);
    if (error) co_return false;
  }
  phase_ = phase;
  deadline_ = deadline;
  co_return true;
}

Result<std::vector<tcp::endpoint>> resolve(const Listen& listen) {
  error_code error;
  if (listen.host.empty()) {
    return std::vector<tcp::endpoint>{tcp::endpoint(tcp::v6(), listen.port),
                                      tcp::endpoint(tcp::v4(), listen.port)};
  }
  const auto address = asio::ip::make_address(listen.host, error);
  if (!error) return std::vector<tcp::endpoint>{tcp::endpoint(address, listen.port)};
  asio::io_context context;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(listen.host, std::to_string(listen.port), error);
  if (error || found.empty()) return Error(Code::kInvalid, "cannot find the address of " + listen.host);
  std::vector<tcp::endpoint> out;
  for (const auto& entry : found)
    out.push_back(entry.endpoint());
  return out;
}

}  // namespace

Status Server::Impl::open() {
  TRY(const Listen listen, parse_listen(options.listen));
  TRY(const auto endpoints, resolve(listen));
  error_code error;
  for (const tcp::endpoint& endpoint : endpoints) {
    error_code ignored;
    acceptor.close(ignored);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6()) {
      acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), ignored);
    }
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(kBacklog, error);
    if (!error) port = acceptor.local_endpoint(error).port();
    if (!error) return ok();
  }
  return Error(Code::kUnavailable, "cannot listen on " + options.listen + ": " + error.message());
}

std::string_view Server::Impl::date() {
  const Instant now = rt::now();
  const std::int64_t second = micros(now) / 1'000'000;
  if (second != date_second) {
    date_second = second;
    date_text = http_date(now);
  }
  return date_text;
}

// One timer for all connections, while there are any.
void Server::Impl::tick() {
  if (ticking || sessions.empty()) return;
  ticking = true;
  ticker.expires_after(tick_every);
  ticker.async_wait([weak = weak_from_this()](const error_code& error) {
    const auto self = weak.lock();
    if (!self || error) return;
    self->ticking = false;
    const Duration now = rt::steady_now();
    for (Session* session : self->sessions)
      session->expire(now);
    self->tick();
  });
}

Task<> Server::Impl::serve(std::shared_ptr<Impl> self, std::shared_ptr<Session> session) {
  self->tick();
  std::weak_ptr<Session> weak = session;
  co_await session->run(std::move(weak));
}

Task<> Server::Impl::accept(std::shared_ptr<Impl> self) {
  bool told = false;  // of a lack of descriptors: once, until one is accepted again
  while (!self->closing) {
    Socket socket(self->loop.context());
    tcp::endpoint peer;
    auto accepting = self->acceptor.async_accept(socket, peer, kToken);
    const auto [error] = co_await std::move(accepting);
    if (self->closing || error == asio::error::operation_aborted) break;
    if (error == asio::error::connection_aborted) continue;
    if (error) {
      if (!told) log::warn("cannot accept connections; trying on", {{"why", error.message()}});
      told = true;
      co_await rt::sleep_for(kAcceptPause);
      continue;
    }
    told = false;
    if (self->sessions.size() >= self->options.connections_max) continue;
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay(true), ignored);
    auto address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    auto session = std::make_shared<Session>(*self, std::move(socket), address.to_string());
    self->group.start(serve(self, std::move(session)));
  }
}

void Server::Impl::begin_closing() {
  closing = true;
  error_code ignored;
  acceptor.close(ignored);
  for (Session* session : sessions)
    session->close_if_idle();
}

void Server::Impl::close_all() {
  for (Session* session : sessions)
    session->close();
}

Result<std::unique_ptr<Server>> Server::listen(rt::Loop& loop, ServerOptions options, Handler handler) {
  CHECK(handler.head && handler.too_large && handler.handle && handler.broken);
  auto impl = std::make_shared<Impl>(loop, std::move(options), std::move(handler));
  const ServerOptions& o = impl->options;
  const Duration shortest =
      std::min({o.drain_time, o.header_timeout, o.body_timeout, o.idle_timeout, o.write_timeout});
  impl->tick_every =
      std::clamp<Duration>(shortest / 8, std::chrono::milliseconds(10), std::chrono::milliseconds(250));
  TRY_DONE(impl->open());
  impl->group.start(Impl::accept(impl));
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->begin_closing();
  impl_->close_all();
}

std::uint16_t Server::port() const {
  return impl_->port;
}

std::size_t Server::connections() const {
  return impl_->sessions.size();
}

Task<bool> Server::close(Duration at_most) {
  const auto impl = impl_;
  impl->begin_closing();
  const bool all = co_await impl->group.close(at_most);
  if (!all) impl->close_all();
  co_return all;
}

}  // namespace postlude::http
