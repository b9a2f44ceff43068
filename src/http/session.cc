#include "http/session.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "http/wire.h"

namespace postlude::http {
namespace {

constexpr std::size_t kBufferMin = 4U << 10U;
constexpr std::size_t kBufferMax = 64U << 10U;  // the longest line of a chunked body, too
constexpr std::size_t kFlushAt = 16U << 10U;    // answers to pipelined requests are sent together up to here
constexpr Duration kSilentMost = std::chrono::seconds(20);  // of a connection that has sent nothing yet
constexpr int kAnswersInARow = 4;  // of pipelined requests, before others have their turn
constexpr const char* kBusy = "too many requests are being read; send it again";

Stage stage_of(Phase phase, bool answered) {
  switch (phase) {
    case Phase::kIdle:
      return answered ? Stage::kIdle : Stage::kSilent;
    case Phase::kHead:
      return Stage::kHead;
    case Phase::kBody:
      return Stage::kBody;
    case Phase::kWriting:
      return Stage::kWriting;
    case Phase::kDraining:
      return Stage::kDraining;
    case Phase::kHandling:
      break;
  }
  return Stage::kNone;
}

}  // namespace

void Session::place(Phase phase) {
  phase_ = phase;
  server_.room.move(*this, stage_of(phase, answered_), rt::steady_now());
}

void Session::weigh() {
  server_.room.weigh(*this, in_.capacity() + reader_.bytes());
}

void Session::enter(Phase phase, Duration at_most) {
  place(phase);
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
    close();
  }
}

void Session::close() {
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
  server_.room.leave(*this);
}

void Session::give_way() {
  server_.count(name_of(stage));
  if ((phase_ == Phase::kHead || phase_ == Phase::kBody) && out_.empty()) {
    answer(server_.handler.broken(503, "too many connections; send it again"), false, false);
    error_code ignored;
    (void)try_flush();
    socket_.shutdown(Socket::shutdown_send, ignored);
    // Bytes that nobody has read would make the system reset the connection, and the answer would be lost.
    std::array<char, kBufferMin> unread{};
    for (int i = 0; i < 16 && socket_.available(ignored) > 0; ++i)
      (void)socket_.read_some(asio::buffer(unread), ignored);
  }
  close();
}

void Session::drop_request() {
  server_.count("memory");
  dropped_ = true;
  reader_.drop();
  weigh();
  place(Phase::kDraining);
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::close_if_idle() {
  error_code ignored;
  if (phase_ != Phase::kIdle || begin_ < end_ || socket_.available(ignored) > 0) return;
  if (try_flush() && out_.empty()) close();
}

Task<> Session::run(std::weak_ptr<Session> self) {
  self_ = std::move(self);
  auto next = Next::kRequest;
  for (int answers = 1; next == Next::kRequest; ++answers) {
    next = co_await answer_one();
    // A peer that sends thousands of requests at once waits behind all others after a few of them.
    if (answers % kAnswersInARow == 0 && begin_ < end_) {
      try_flush();
      auto others = asio::post(server_.loop.context(), kToken);
      co_await std::move(others);
    }
  }
  if (next == Next::kLinger) co_await linger();
  close();
}

Task<Next> Session::answer_one() {
  reader_.reset();
  const Duration idle = server_.options.idle_timeout;
  enter(Phase::kIdle, answered_ ? idle : std::min(idle, kSilentMost));
  const Came came = co_await advance();
  if (came == Came::kGone) co_return Next::kEnd;
  if (came == Came::kNoRoom) co_return co_await refuse_broken(503, kBusy);
  if (came == Came::kSlow) co_return co_await refuse_broken(408, "the headers took too long");
  if (came == Came::kBroken) co_return co_await refuse_broken(400, why_broken());
  if (came == Came::kLineTooLong) co_return co_await refuse_broken(431, "the request line is too long");

  HttpRequest& request = reader_.request();
  request.remote = remote_;
  request.received_at = rt::now();
  const bool headers_too_large = came == Came::kHeadersTooLarge;
  if (extra_ && !(server_.handler.always && server_.handler.always(request)))
    co_return co_await refuse_broken(503, "too many connections; send it again");
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
  if (body == Came::kNoRoom) co_return co_await refuse_broken(503, kBusy);
  co_return Next::kEnd;
}

Task<Next> Session::answer_whole(bool head_only) {
  enter(Phase::kHandling, Duration::max());
  if (!out_.empty()) flush_soon();
  auto handling = server_.handler.handle(std::move(reader_.request()));
  weigh();
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
  in_ = std::string(kBufferMin, '\0');
  weigh();
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
  answered_ = true;
}

// Reads until the reader has something to tell.
Task<Came> Session::advance() {
  using Got = RequestReader::Got;
  while (true) {
    if (closed_) co_return Came::kGone;  // what came in that moment is not taken: the answer has gone out
    if (dropped_) co_return Came::kNoRoom;
    if (begin_ < end_) {
      const auto step = reader_.take(buffered());
      begin_ += step.used;
      weigh();
      if (server_.room.heavy()) server_.lighten();
      if (dropped_) co_return Came::kNoRoom;
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
    if (!more && dropped_) co_return Came::kNoRoom;
    if (!more) co_return timed_out_&& phase != Phase::kIdle ? Came::kSlow : Came::kGone;
  }
}

void Session::make_room() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    // An idle connection does not keep the buffer of a large body.
    if (phase_ == Phase::kIdle && in_.size() > kBufferMin) std::string().swap(in_);
  }
  if (in_.empty()) in_.resize(kBufferMin);
  if (end_ < in_.size()) return;
  if (begin_ > 0) {
    in_.erase(0, begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  in_.resize(std::min(kBufferMax, std::max(kBufferMin, end_ * 2)));
}

// More bytes from the peer. false: it is gone, or the time is over (timed_out_).
Task<bool> Session::fill() {
  if (!out_.empty() && !try_flush()) {
    const bool sent = co_await flush();
    if (!sent) co_return false;
  }
  if (timed_out_ || (phase_ == Phase::kIdle && server_.closing)) co_return false;
  make_room();
  weigh();
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
  if (out_.capacity() > 2 * kFlushAt) std::string().swap(out_);
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
  place(phase);
  deadline_ = deadline;
  co_return true;
}

}  // namespace postlude::http
