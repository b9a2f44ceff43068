#include "rt/signals.h"

#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace postlude::rt {

struct Signals::Impl {
  Impl(Loop& loop, std::function<void(Signal)> on_signal_in)
      : set(loop.context(), SIGTERM, SIGINT, SIGHUP), on_signal(std::move(on_signal_in)) {}

  static void listen(const std::shared_ptr<Impl>& self) {
    self->set.async_wait([self](const boost::system::error_code& error, int number) {
      if (error || self->closed) return;
      listen(self);  // first, so that the next one is heard even if this one destroys the object
      self->on_signal(number == SIGHUP ? Signal::kReload : Signal::kStop);
    });
  }

  boost::asio::signal_set set;
  std::function<void(Signal)> on_signal;
  bool closed = false;
};

Signals::Signals(Loop& loop, std::function<void(Signal)> on_signal)
    : impl_(std::make_shared<Impl>(loop, std::move(on_signal))) {
  std::signal(SIGPIPE, SIG_IGN);
  Impl::listen(impl_);
}

Signals::~Signals() {
  impl_->closed = true;
  boost::system::error_code ignored;
  impl_->set.cancel(ignored);
  impl_->set.clear(ignored);
}

}  // namespace postlude::rt
