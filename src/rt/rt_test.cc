#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <thread>
#include <vector>

#include "rt/group.h"
#include "rt/loop.h"
#include "rt/notify.h"
#include "rt/signals.h"

namespace postlude::rt {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Runs `task` on the loop until it ends; fails the test if that takes more than a minute.
class Runner {
 public:
  Loop loop;
  Group group{loop, "test"};

  void run(Task<> task) {
    group.start(finish(std::move(task)));
    group.start(watch());
    loop.run();
    EXPECT_TRUE(done_) << "the task did not end";
    if (group.size() > 0) group.abandon();
  }

 private:
  Task<> finish(Task<> task) {
    co_await std::move(task);
    done_ = true;
    bell_.wake();
  }
  Task<> watch() {
    const Duration until = steady_now() + seconds(60);
    while (!done_ && steady_now() < until)
      co_await bell_.wait_at_most(seconds(1));
    loop.post([this] { loop.stop(); });
  }
  Waker bell_{loop};
  bool done_ = false;
};

TEST(Loop, RunsPostsOfOneThreadInOrder) {
  Loop loop;
  std::vector<int> seen;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i)
      loop.post([&seen, i] { seen.push_back(i); });
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  other.join();
  ASSERT_EQ(seen.size(), 1000U);
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

Task<> sleeps(Duration d, Duration* took) {
  const Duration begun = steady_now();
  co_await sleep_for(d);
  *took = steady_now() - begun;
}

TEST(Loop, SleepsAtLeastAsLongAsAsked) {
  Runner runner;
  Duration took{};
  runner.run(sleeps(milliseconds(30), &took));
  EXPECT_GE(took, milliseconds(30));
  EXPECT_LT(took, seconds(5));
}

TEST(Loop, TakesANegativeSleepAsNone) {
  Runner runner;
  Duration took{};
  runner.run(sleeps(Duration::min(), &took));
  EXPECT_LT(took, seconds(5));
}

TEST(Clock, TellsWallClockAndSteadyTime) {
  const auto system = std::chrono::system_clock::now();
  EXPECT_LT(std::chrono::abs(now() - system), seconds(2));
  const Duration a = steady_now();
  EXPECT_GE(steady_now(), a);
}

Task<> waits(Waker* waker, Duration at_most, Duration* took) {
  const Duration begun = steady_now();
  co_await waker->wait_at_most(at_most);
  *took = steady_now() - begun;
}

TEST(Waker, KeepsASignalGivenBeforeTheWait) {
  Runner runner;
  Waker waker(runner.loop);
  waker.wake();
  waker.wake();
  Duration took{};
  runner.run(waits(&waker, hours(1), &took));
  EXPECT_LT(took, seconds(5));
}

TEST(Waker, GivesUpAfterItsTime) {
  Runner runner;
  Waker waker(runner.loop);
  Duration took{};
  runner.run(waits(&waker, milliseconds(30), &took));
  EXPECT_GE(took, milliseconds(30));
}

TEST(Waker, WaitsAsLongAsADurationCanBe) {
  Runner runner;
  Waker waker(runner.loop);
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(30));
    waker.wake();
  });
  Duration took{};
  runner.run(waits(&waker, Duration::max(), &took));
  other.join();
  EXPECT_GE(took, milliseconds(20));
}

// Counts the waits that ran out: each of them is a signal that was lost.
Task<> follows(Waker* waker, const std::atomic<int>* given, std::atomic<int>* seen, int last, int* ran_out) {
  while (seen->load() < last) {
    const Duration begun = steady_now();
    co_await waker->wait_at_most(seconds(20));
    if (steady_now() - begun >= seconds(20)) ++*ran_out;
    seen->store(given->load());
  }
}

TEST(Waker, LosesNoSignalFromOtherThreads) {
  Runner runner;
  Waker waker(runner.loop);
  std::atomic<int> given{0};
  std::atomic<int> seen{0};
  constexpr int kRounds = 5000;
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      given = i;
      waker.wake();
      while (seen.load() < i)
        std::this_thread::yield();
    }
  });
  int ran_out = 0;
  runner.run(follows(&waker, &given, &seen, kRounds, &ran_out));
  seen = kRounds;  // or the other thread would not end
  other.join();
  EXPECT_EQ(ran_out, 0) << "a signal was lost";
}

Task<> gets(Completion<std::string>* completion, std::string* out) {
  *out = co_await completion->get();
}

TEST(Completion, HandsAValueFromAnotherThread) {
  Runner runner;
  Completion<std::string> completion(runner.loop);
  std::thread other([set = completion.setter()] { set(std::string(100, 'x')); });
  std::string out;
  runner.run(gets(&completion, &out));
  other.join();
  EXPECT_EQ(out, std::string(100, 'x'));
}

TEST(Completion, KeepsTheFirstOfSeveralValues) {
  Runner runner;
  Completion<std::string> completion(runner.loop);
  completion.setter()("first");
  completion.setter()("second");
  std::string out;
  runner.run(gets(&completion, &out));
  EXPECT_EQ(out, "first");
}

Task<> many_completions(Loop* loop, int n, int* sum) {
  for (int i = 0; i < n; ++i) {
    Completion<std::unique_ptr<int>> completion(*loop);  // a value that only moves
    std::thread other([set = completion.setter(), i] { set(std::make_unique<int>(i)); });
    AWAIT(const auto value, completion.get());
    other.join();
    *sum += *value;
  }
}

TEST(Completion, WorksManyTimesOver) {
  Runner runner;
  int sum = 0;
  runner.run(many_completions(&runner.loop, 100, &sum));
  EXPECT_EQ(sum, 4950);
}

Task<> passes(Latch* latch, std::vector<int>* order, int mark) {
  co_await latch->wait();
  order->push_back(mark);
}

Task<> opens(Latch* latch, std::vector<int>* order) {
  co_await sleep_for(milliseconds(5));
  order->push_back(1);
  latch->open();
  order->push_back(3);
  latch->open();
}

TEST(Latch, ResumesTheWaiterInsideOpen) {
  Runner runner;
  Latch latch;
  std::vector<int> order;
  runner.group.start(passes(&latch, &order, 2));
  runner.run(opens(&latch, &order));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(Latch, LetsPassWhenOpen) {
  Runner runner;
  Latch latch;
  latch.open();
  EXPECT_TRUE(latch.is_open());
  std::vector<int> order;
  runner.run(passes(&latch, &order, 7));
  EXPECT_EQ(order, std::vector<int>{7});
}

TEST(Latch, DestroysTheWaiterWithItself) {
  Loop loop;
  Group group(loop, "waiting for ever");
  Waker begun(loop);
  std::vector<int> order;
  {
    Latch latch;
    group.start(passes(&latch, &order, 1));
    loop.post([&loop] { loop.post([&loop] { loop.stop(); }); });
    loop.run();
  }
  EXPECT_TRUE(order.empty());
  group.abandon();
}

Task<> closes(Group* inner, Duration at_most, bool* ended) {
  *ended = co_await inner->close(at_most);
}

Task<> naps(Duration d) {
  co_await sleep_for(d);
}

TEST(Group, ClosesWhenTheLastHasEnded) {
  Runner runner;
  Group inner(runner.loop, "inner");
  inner.start(naps(milliseconds(10)));
  inner.start(naps(milliseconds(30)));
  EXPECT_EQ(inner.size(), 2U);
  bool ended = false;
  runner.run(closes(&inner, seconds(5), &ended));
  EXPECT_TRUE(ended);
  EXPECT_EQ(inner.size(), 0U);
}

TEST(Group, TellsThatTimeIsOver) {
  Runner runner;
  Latch latch;
  std::vector<int> order;
  Group inner(runner.loop, "inner");
  inner.start(passes(&latch, &order, 1));
  bool ended = true;
  runner.run(closes(&inner, milliseconds(10), &ended));
  EXPECT_FALSE(ended);
  EXPECT_EQ(inner.size(), 1U);
  inner.abandon();
}

TEST(Group, ClosesAtOnceWhenEmpty) {
  Runner runner;
  Group inner(runner.loop, "inner");
  bool ended = false;
  runner.run(closes(&inner, Duration(0), &ended));
  EXPECT_TRUE(ended);
}

Task<> adds_one(int* count) {
  ++*count;
  co_return;
}

TEST(Group, BeginsAtTheNextTurn) {
  Runner runner;
  Group inner(runner.loop, "inner");
  int count = 0;
  runner.loop.post([&] {
    inner.start(adds_one(&count));
    EXPECT_EQ(count, 0) << "it began inside start()";
  });
  runner.run(naps(milliseconds(10)));
  EXPECT_EQ(count, 1);
}

Task<> throws_out() {
  throw std::runtime_error("a bug");
  co_return;
}

Task<> throws_a_number() {
  throw 7;  // NOLINT: what no library of ours does, and one of theirs may
  co_return;
}

TEST(GroupDeath, EndsTheProcessOnAnException) {
  const auto dies = [](Task<> task) {
    Runner runner;
    runner.run(std::move(task));
  };
  EXPECT_EXIT(dies(throws_out()), testing::ExitedWithCode(1), "an exception left a coroutine.*test.*a bug");
  EXPECT_EXIT(dies(throws_a_number()), testing::ExitedWithCode(1),
              "an exception left a coroutine.*test.*other than a std::exception");
}

TEST(Group, LetsWhoeverRunsTheLoopEndInOrder) {
  Runner runner;
  std::vector<std::string> failed;
  runner.loop.on_failure = [&](std::string_view group) { failed.emplace_back(group); };
  Group broken(runner.loop, "broken");
  runner.loop.post([&] {
    broken.start(throws_a_number());
    broken.start(throws_out());
  });
  int count = 0;
  Group whole(runner.loop, "whole");
  runner.loop.post([&] { whole.start(adds_one(&count)); });
  runner.run(naps(milliseconds(10)));
  EXPECT_EQ(failed, (std::vector<std::string>{"broken", "broken"}));
  EXPECT_EQ(broken.size(), 0U) << "nobody may wait for what is gone";
  EXPECT_EQ(count, 1) << "the others go on until they are told";
}

TEST(GroupDeath, RefusesToDieBeforeItsCoroutines) {
  EXPECT_DEATH(
      {
        Loop loop;
        Group group(loop, "left open");
        group.start(naps(hours(1)));
      },
      "a check failed");
}

Result<int> half(int n) {
  if (n % 2 != 0) return Error(Code::kInvalid, "odd");
  return n / 2;
}

Task<Result<int>> half_later(int n) {
  co_await sleep_for(Duration(1));
  co_return half(n);
}

Task<Result<int>> quarter(int n) {
  AWAIT_TRY(const int first, half_later(n));
  CO_TRY(const int second, half(first));
  co_return second;
}

Task<> quarters(std::vector<std::string>* out) {
  for (const int n : {12, 6, 5}) {
    AWAIT(const auto result, quarter(n));
    out->push_back(result ? std::to_string(*result) : result.error().message);
  }
}

TEST(Task, TheMacrosReturnErrors) {
  Runner runner;
  std::vector<std::string> out;
  runner.run(quarters(&out));
  EXPECT_EQ(out, (std::vector<std::string>{"3", "odd", "odd"}));
}

TEST(Signals, TellsWhatWasAsked) {
  Loop loop;
  std::vector<Signal> seen;
  Signals signals(loop, [&](Signal signal) {
    seen.push_back(signal);
    if (seen.size() == 1) raise(SIGHUP);
    if (seen.size() == 2) raise(SIGINT);
    if (seen.size() == 3) loop.stop();
  });
  raise(SIGTERM);
  raise(SIGPIPE);  // ignored, or the test dies
  loop.run();
  EXPECT_EQ(seen, (std::vector<Signal>{Signal::kStop, Signal::kReload, Signal::kStop}));
}

TEST(Signals, MayBeDestroyedByWhatItCalls) {
  Loop loop;
  std::unique_ptr<Signals> signals;
  int calls = 0;
  signals = std::make_unique<Signals>(loop, [&](Signal) {
    ++calls;
    loop.post([&] {
      signals.reset();
      loop.stop();
    });
  });
  raise(SIGTERM);
  loop.run();
  EXPECT_EQ(calls, 1);
}

// A datagram socket in the place of systemd's.
class Manager {
 public:
  explicit Manager(const std::string& name) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
  }
  ~Manager() { close(fd_); }
  std::string receive() const {
    char buffer[256];
    const auto n = recv(fd_, buffer, sizeof(buffer), 0);
    return n < 0 ? "nothing" : std::string(buffer, static_cast<std::size_t>(n));
  }

 private:
  int fd_ = -1;
};

TEST(Notify, WritesToAPathAndToAnAbstractName) {
  const std::string path = testing::TempDir() + "notify-" + std::to_string(getpid());
  for (const std::string& name : {path, "@postlude-notify-" + std::to_string(getpid())}) {
    const Manager manager(name);
    const Notify notify(name);
    EXPECT_TRUE(notify.ready());
    EXPECT_EQ(manager.receive(), "READY=1");
    EXPECT_TRUE(notify.watchdog());
    EXPECT_EQ(manager.receive(), "WATCHDOG=1");
    EXPECT_TRUE(notify.status("3 runs\nREADY=0"));
    EXPECT_EQ(manager.receive(), "STATUS=3 runs");
    EXPECT_TRUE(notify.reloading());
    EXPECT_EQ(manager.receive().find("RELOADING=1\nMONOTONIC_USEC="), 0U);
    EXPECT_TRUE(notify.stopping());
    EXPECT_EQ(manager.receive(), "STOPPING=1");
    EXPECT_EQ(manager.receive(), "nothing");
  }
  std::filesystem::remove(path);
}

TEST(Notify, DoesNothingWithoutAManager) {
  EXPECT_FALSE(Notify().enabled());
  EXPECT_TRUE(Notify().ready());
}

TEST(Notify, FailsWhereNobodyListens) {
  const auto gone = Notify("/nowhere/notify").ready();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::kUnavailable);
  const auto odd = Notify("vsock:2:1234").ready();
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, Code::kInvalid);
}

TEST(Notify, ReadsTheEnvironment) {
  struct Case {
    std::string socket, usec, pid;
    std::optional<Duration> period;
  };
  const std::string own = std::to_string(getpid());
  for (const Case& c : {Case{"/x", "2000000", own, seconds(2)}, Case{"/x", "2000000", "", seconds(2)},
                        Case{"/x", "2000000", "1", std::nullopt}, Case{"/x", "", "", std::nullopt},
                        Case{"/x", "soon", "", std::nullopt}, Case{"", "2000000", own, std::nullopt}}) {
    setenv("NOTIFY_SOCKET", c.socket.c_str(), 1);
    setenv("WATCHDOG_USEC", c.usec.c_str(), 1);
    setenv("WATCHDOG_PID", c.pid.c_str(), 1);
    EXPECT_EQ(Notify::from_environment().watchdog_period(), c.period) << c.usec << " for " << c.pid;
  }
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
}

}  // namespace
}  // namespace postlude::rt
