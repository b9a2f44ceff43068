#include "rt/virtual_clock.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hash.h"
#include "rt/group.h"

namespace postlude::rt {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Instant kStart = instant(1'800'000'000'000'000);

struct Line {
  VirtualClock clock{kStart, 1};
  Loop loop{clock};
  Group group{loop, "test"};
  std::vector<std::string> seen;
  Duration begun = steady_now();

  void note(const std::string& what) {
    seen.push_back(what + "@" + std::to_string((steady_now() - begun).count() / 1'000'000));
  }
  bool run(Duration most) { return loop.run_virtual(steady_now() + most, nullptr); }
};

Task<> sleeper(Line* line, std::string name, Duration each, int times) {
  for (int i = 0; i < times; ++i) {
    co_await sleep_for(each);
    line->note(name);
  }
}

Task<> waiter(Line* line, Waker* waker, Duration most) {
  co_await waker->wait_at_most(most);
  line->note("woken");
}

Task<> closer(Line* line, Group* group, Duration most) {
  const bool ended = co_await group->close(most);
  line->note(ended ? "all ended" : "some inside");
}

TEST(VirtualClock, PassesInTheOrderOfTheTimers) {
  Line line;
  line.group.start(sleeper(&line, "a", hours(24 * 3), 2));
  line.group.start(sleeper(&line, "b", hours(24 * 2), 3));
  EXPECT_FALSE(line.run(hours(24 * 7)));
  EXPECT_EQ(line.seen,
            (std::vector<std::string>{"b@172800", "a@259200", "b@345600", "a@518400", "b@518400"}));
  EXPECT_EQ(steady_now() - line.begun, hours(24 * 7));
  EXPECT_EQ(now() - kStart, hours(24 * 7));
  EXPECT_EQ(line.group.size(), 0U);
}

TEST(VirtualClock, StopsWhereItIsToldTo) {
  Line line;
  line.group.start(sleeper(&line, "a", seconds(10), 5));
  EXPECT_FALSE(line.run(seconds(25)));
  EXPECT_EQ(line.seen, (std::vector<std::string>{"a@10", "a@20"}));
  EXPECT_EQ(steady_now() - line.begun, seconds(25));
  EXPECT_TRUE(line.loop.run_virtual(steady_now() + hours(1), [&] { return line.seen.size() == 4; }));
  EXPECT_EQ(line.seen.back(), "a@40");
  line.loop.post([&] { line.loop.stop(); });
  EXPECT_FALSE(line.run(hours(1)));
  EXPECT_EQ(steady_now() - line.begun, seconds(40));
  line.run(hours(1));
  EXPECT_EQ(line.group.size(), 0U);
}

TEST(VirtualClock, MovesTheWallClockAlone) {
  Line line;
  line.group.start(sleeper(&line, "a", hours(1), 1));
  line.clock.after(milliseconds(1), [&] { line.clock.jump(-hours(48)); });
  line.run(hours(2));
  EXPECT_EQ(line.seen, (std::vector<std::string>{"a@3600"}));
  EXPECT_EQ(steady_now() - line.begun, hours(2));
  EXPECT_EQ(line.clock.now() - kStart, hours(2 - 48));
  EXPECT_EQ(wall_now() - kStart, hours(2 - 48));
  EXPECT_EQ(now() - kStart, hours(2));  // a process goes by the time that has passed
}

TEST(VirtualClock, AProcessBelievesSmallStepsAndAnotherStart) {
  VirtualClock clock(kStart, 1);
  {
    Loop loop(clock);
    EXPECT_EQ(now(), kStart);
    clock.jump(seconds(59));
    EXPECT_EQ(now(), kStart + seconds(59));
    clock.jump(seconds(2));
    EXPECT_EQ(now(), kStart);
    EXPECT_EQ(clock.believed().off(), seconds(61));
    clock.jump(-seconds(2));
    EXPECT_EQ(now(), kStart + seconds(59));
    EXPECT_EQ(clock.believed().off(), seconds(0));
    clock.jump(hours(1));
    EXPECT_EQ(now(), kStart);
  }
  Loop next(clock);
  EXPECT_EQ(now(), kStart + hours(1) + seconds(59));
}

TEST(VirtualClock, LetsASignalEndAWait) {
  Line line;
  Waker waker(line.loop);
  line.group.start(waiter(&line, &waker, hours(5)));
  line.clock.after(seconds(3), [&] { waker.wake(); });
  line.run(hours(1));
  EXPECT_EQ(line.seen, (std::vector<std::string>{"woken@3"}));
  line.group.start(waiter(&line, &waker, seconds(7)));
  line.run(hours(1));
  EXPECT_EQ(line.seen.back(), "woken@3607");
  waker.wake();
  line.group.start(waiter(&line, &waker, hours(5)));
  line.run(seconds(0));
  EXPECT_EQ(line.seen.back(), "woken@7200");
}

TEST(VirtualClock, BoundsTheClosingOfAGroup) {
  Line line;
  Group other(line.loop, "other");
  other.start(sleeper(&line, "a", seconds(10), 1));
  line.group.start(closer(&line, &other, seconds(4)));
  line.run(seconds(5));
  line.group.start(closer(&line, &other, seconds(100)));
  line.run(seconds(100));
  EXPECT_EQ(line.seen, (std::vector<std::string>{"some inside@4", "a@10", "all ended@10"}));
}

struct Witness {
  explicit Witness(int* gone_in) : gone(gone_in) {}
  ~Witness() { ++*gone; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  int* gone;
};

Task<> sleeps_long(Line* line, int* gone) {
  const Witness witness(gone);
  co_await sleep_for(hours(1));
  line->note("never");
}
Task<> waits_long(Line* line, Waker* waker, int* gone) {
  const Witness witness(gone);
  co_await waker->wait_at_most(hours(1));
  line->note("never");
}

TEST(VirtualClock, OutlivesALoopThatEnds) {
  Line line;
  int gone = 0;
  std::string outside;
  line.clock.after(hours(2), [&] { outside = "came"; });
  {
    Loop life(line.clock);
    Group group(life, "life");
    Waker waker(life);
    group.start(sleeps_long(&line, &gone));
    group.start(waits_long(&line, &waker, &gone));
    life.run_virtual(steady_now() + seconds(1), nullptr);
    EXPECT_EQ(gone, 0);
    life.post([&] { line.note("never"); });
    life.end();
    EXPECT_TRUE(life.ended());
    EXPECT_EQ(gone, 2);
    waker.wake();  // to nobody
  }
  line.run(hours(3));
  EXPECT_EQ(outside, "came");
  EXPECT_TRUE(line.seen.empty());
}

TEST(VirtualClock, IsThisThreadsTimeAndChanceWhileItExists) {
  std::string first;
  {
    const VirtualClock clock(kStart, 5);
    EXPECT_EQ(VirtualClock::current(), &clock);
    EXPECT_EQ(now(), kStart);
    first = random_bytes(8);
    {
      const RealTime real;
      EXPECT_EQ(VirtualClock::current(), nullptr);
      EXPECT_NE(now(), kStart);
    }
    EXPECT_EQ(now(), kStart);
  }
  EXPECT_EQ(VirtualClock::current(), nullptr);
  EXPECT_NE(now(), kStart);
  EXPECT_NE(random_bytes(8), first);
  const VirtualClock again(kStart, 5);
  EXPECT_EQ(random_bytes(8), first);
}

TEST(VirtualClockDeathTest, AllowsOneAtATime) {
  const VirtualClock clock(kStart, 1);
  EXPECT_DEATH(VirtualClock(kStart, 2), "of_this_thread");
}

}  // namespace
}  // namespace postlude::rt
