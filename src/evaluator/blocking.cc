#include "evaluator/blocking.h"

#include <optional>

#include "base/check.h"
#include "rt/virtual_clock.h"

namespace postlude::evaluator {

namespace {

template <class T>
rt::Task<> keep(rt::Task<T> task, std::optional<T>* into, rt::Loop* loop) {
  into->emplace(co_await std::move(task));
  loop->stop();
}

rt::Task<> end(Evaluator* evaluator, rt::Loop* loop) {
  AWAIT_DONE(evaluator->stop());
  loop->stop();
}

}  // namespace

struct Blocking::Impl {
  explicit Impl(Options options) : evaluator(loop, std::move(options)), group(loop, "blocking evaluator") {}

  void run() {
    loop.context().restart();
    loop.run();
  }
  template <class T>
  T wait(rt::Task<T> task) {
    std::optional<T> out;
    group.start(keep(std::move(task), &out, &loop));
    run();
    CHECK(out.has_value());
    return *std::move(out);
  }

  rt::Loop loop;
  Evaluator evaluator;
  rt::Group group;
};

Blocking::Blocking(Options options) {
  const rt::RealTime real;
  impl_ = std::make_unique<Impl>(std::move(options));
}

Blocking::~Blocking() {
  const rt::RealTime real;
  impl_->group.start(end(&impl_->evaluator, &impl_->loop));
  impl_->run();
  impl_->group.abandon();
  impl_.reset();
}

void Blocking::announce(std::vector<std::string> expressions) {
  const rt::RealTime real;
  impl_->evaluator.announce(std::move(expressions));
}

rt::Task<Values> Blocking::evaluate(std::vector<std::string> expressions, std::string context,
                                    double now_seconds) {
  const rt::RealTime real;  // nothing here waits, on the caller's loop
  co_return impl_->wait(impl_->evaluator.evaluate(std::move(expressions), std::move(context), now_seconds));
}

rt::Task<Result<std::vector<std::string>>> Blocking::check(std::vector<std::string> expressions) {
  const rt::RealTime real;
  co_return impl_->wait(impl_->evaluator.check(std::move(expressions)));
}

}  // namespace postlude::evaluator
