#pragma once
// Bench: a loop and an evaluator with real children, for this folder's tests.

#include <gtest/gtest.h>

#include "evaluator/evaluator.h"

namespace postlude::evaluator {

Options test_options();  // with lang's prelude; in evaluator_test.cc, beside main()

// A loop and an evaluator on it; calls run until their value is there.
class Bench {
 public:
  explicit Bench(Options o = test_options())
      : evaluator_(std::make_unique<Evaluator>(loop_, std::move(o))), group_(loop_, "test") {}
  ~Bench() {
    run(stopping(evaluator_.get()));
    run(closing(&group_));
    evaluator_.reset();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Evaluator& evaluator() { return *evaluator_; }
  rt::Group& group() { return group_; }

  void run(rt::Task<> task) {
    rt::Group once(loop_, "once");
    once.start(ending(std::move(task), &loop_));
    loop_.context().restart();
    loop_.run();
    loop_.context().restart();
    loop_.context().poll();
  }

  Values evaluate(std::vector<std::string> expressions, std::string context = "{}", double now = 0) {
    Values values;
    run(evaluating(evaluator_.get(), std::move(expressions), std::move(context), now, &values));
    return values;
  }
  // The value, or `code: message`.
  std::string one(const std::string& expression, std::string context = "{}", double now = 0) {
    return text(evaluate({expression}, std::move(context), now).at(0));
  }
  std::vector<std::string> check(std::vector<std::string> expressions) {
    std::vector<std::string> messages;
    run(checking(evaluator_.get(), std::move(expressions), &messages));
    return messages;
  }

  static std::string text(const Result<std::string>& value) {
    if (value) return *value;
    return (value.error().code == Code::kOverloaded    ? "overloaded: "
            : value.error().code == Code::kInvalid     ? "invalid: "
            : value.error().code == Code::kUnavailable ? "unavailable: "
            : value.error().code == Code::kCancelled   ? "cancelled: "
                                                       : "other: ") +
           value.error().message;
  }

  static rt::Task<> evaluating(Evaluator* evaluator, std::vector<std::string> expressions,
                               std::string context, double now, Values* into) {
    AWAIT(*into, evaluator->evaluate(std::move(expressions), std::move(context), now));
  }

 private:
  static rt::Task<> ending(rt::Task<> task, rt::Loop* loop) {
    co_await std::move(task);
    loop->stop();
  }
  static rt::Task<> stopping(Evaluator* evaluator) { AWAIT_DONE(evaluator->stop()); }
  static rt::Task<> closing(rt::Group* group) {
    AWAIT(const bool ended, group->close(std::chrono::seconds(5)));
    EXPECT_TRUE(ended);
  }
  static rt::Task<> checking(Evaluator* evaluator, std::vector<std::string> expressions,
                             std::vector<std::string>* into) {
    AWAIT(auto got, evaluator->check(std::move(expressions)));
    if (got) {
      *into = *std::move(got);
    } else {
      *into = {"failed: " + got.error().message};
    }
  }

  rt::Loop loop_;
  std::unique_ptr<Evaluator> evaluator_;
  rt::Group group_;
};

}  // namespace postlude::evaluator
