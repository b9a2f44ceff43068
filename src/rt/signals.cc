#include "rt/signals.h"

#include <array>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <string>

#include "base/log.h"

namespace postlude::rt {

namespace {

// Signals without a meaning here that would end the process by default. SIGQUIT and faults still do.
struct Unused {
  int number;
  const char* name;
};
constexpr std::array<Unused, 8> kUnused{{{SIGUSR1, "SIGUSR1"},
                                         {SIGUSR2, "SIGUSR2"},
                                         {SIGALRM, "SIGALRM"},
                                         {SIGVTALRM, "SIGVTALRM"},
                                         {SIGPROF, "SIGPROF"},
                                         {SIGIO, "SIGIO"},
                                         {SIGPWR, "SIGPWR"},
                                         {SIGSTKFLT, "SIGSTKFLT"}}};

// "": it means something to us.
std::string unused_name(int number) {
  for (const Unused& one : kUnused) {
    if (one.number == number) return one.name;
  }
  return number >= SIGRTMIN ? "SIGRTMIN+" + std::to_string(number - SIGRTMIN) : "";
}

bool told_as_unused(int number) {
  const std::string name = unused_name(number);
  if (name.empty()) return false;
  log::info("a signal was ignored; SIGHUP reads the configuration again, SIGTERM stops", {{"signal", name}});
  return true;
}

}  // namespace

struct Signals::Impl {
  Impl(Loop& loop, std::function<void(Signal)> on_signal_in)
      : set(loop.context(), SIGTERM, SIGINT, SIGHUP), on_signal(std::move(on_signal_in)) {
    for (const Unused& one : kUnused)
      set.add(one.number);
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number)
      set.add(number);
  }

  static void listen(const std::shared_ptr<Impl>& self) {
    self->set.async_wait([self](const boost::system::error_code& error, int number) {
      if (error || self->closed) return;
      listen(self);  // first, so that the next one is heard even if this one destroys the object
      if (told_as_unused(number)) return;
      self->on_signal(number == SIGHUP ? Signal::kReload : Signal::kStop);
    });
  }

  boost::asio::signal_set set;
  std::function<void(Signal)> on_signal;
  bool closed = false;
};

void ignore_failed_writes() {
  for (const int number : {SIGPIPE, SIGXFSZ})
    std::signal(number, SIG_IGN);
}

Signals::Signals(Loop& loop, std::function<void(Signal)> on_signal)
    : impl_(std::make_shared<Impl>(loop, std::move(on_signal))) {
  ignore_failed_writes();
  Impl::listen(impl_);
}

Signals::~Signals() {
  impl_->closed = true;
  boost::system::error_code ignored;
  impl_->set.cancel(ignored);
  impl_->set.clear(ignored);
}

}  // namespace postlude::rt
