#include "http/server.h"

#include <boost/asio/ip/v6_only.hpp>

#include "base/check.h"
#include "base/log.h"
#include "http/endpoints.h"
#include "http/session.h"
#include "http/wire.h"

namespace postlude::http {
namespace {

constexpr int kBacklog = 4096;
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
constexpr std::size_t kExtra = 16;  // connections beyond the limit, while all others are being answered
constexpr int kMadeAtOnce = 8;      // connections closed when no descriptor is left

}  // namespace

Status Server::Impl::open() {
  TRY(const auto endpoints, endpoints_of(options.listen));
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
  const bool taken = error == asio::error::address_in_use;
  return Error(Code::kUnavailable,
               "cannot listen on " + options.listen + ": " + error.message() +
                   (taken ? "; another program, or another Postlude, listens there" : ""));
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

bool Server::Impl::make_room() {
  auto* session = static_cast<Session*>(room.next_to_go());
  if (session == nullptr) return false;
  session->give_way();
  return true;
}

void Server::Impl::lighten() {
  while (room.heavy()) {
    auto* session = static_cast<Session*>(room.next_to_refuse());
    if (session == nullptr) return;
    session->drop_request();
  }
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
      // The system says so even if nobody waits to be let in: for that, nobody is to go.
      auto waiting = self->acceptor.async_wait(Acceptor::wait_read, kToken);
      const auto [ended] = co_await std::move(waiting);
      if (self->closing || ended == asio::error::operation_aborted) break;
      int made = 0;
      while (made < kMadeAtOnce && self->make_room())
        ++made;
      if (made == 0 || told) co_await rt::sleep_for(kAcceptPause);
      if (!told) log::warn("cannot accept connections; trying on", {{"why", error.message()}});
      told = true;
      continue;
    }
    told = false;
    while (self->room.full() && self->make_room()) {
    }
    const bool extra = self->room.full();
    if (extra && self->room.connections() >= self->options.connections_max + kExtra) {
      self->count("all answered");
      continue;
    }
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay(true), ignored);
    auto address = peer.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
      address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    auto session = std::make_shared<Session>(*self, std::move(socket), address.to_string(), extra);
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
  return impl_->room.connections();
}

Task<bool> Server::close(Duration at_most) {
  const auto impl = impl_;
  impl->begin_closing();
  const bool all = co_await impl->group.close(at_most);
  if (!all) impl->close_all();
  co_return all;
}

}  // namespace postlude::http
