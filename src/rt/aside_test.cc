#include "rt/aside.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "rt/group.h"

namespace postlude::rt {
namespace {

Task<> story(Loop* loop, Aside* aside, std::thread::id* where, std::string* what) {
  std::function<std::string()> call = [where] {
    *where = std::this_thread::get_id();
    return std::string("from aside");
  };
  const Result<std::string> came = co_await aside->run(std::move(call));
  *what = came ? *came : came.error().message;
  loop->stop();
}

struct Bench {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread::id> where;  // the loop's
};

Task<> computed(Loop* loop, Aside* aside, std::shared_ptr<Bench> bench) {
  std::function<std::thread::id()> call = [bench] {
    bench->most = std::max(bench->most.load(), ++bench->now);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    --bench->now;
    return std::this_thread::get_id();
  };
  auto task = aside->compute(std::move(call));
  const std::thread::id where = co_await std::move(task);
  bench->where.push_back(where);
  if (bench->where.size() == 3) loop->stop();
}

TEST(Aside, computes_elsewhere_one_after_the_other) {
  Loop loop;
  Aside aside(loop);
  Group group(loop, "test");
  const auto bench = std::make_shared<Bench>();
  for (int i = 0; i < 3; ++i)
    group.start(computed(&loop, &aside, bench));
  loop.run();
  for (const std::thread::id where : bench->where)
    EXPECT_NE(where, std::this_thread::get_id());
  EXPECT_EQ(bench->most, 1);
  group.abandon();
}

TEST(Aside, runs_elsewhere_and_comes_back) {
  Loop loop;
  Aside aside(loop);
  Group group(loop, "test");
  std::thread::id where;
  std::string what;
  group.start(story(&loop, &aside, &where, &what));
  loop.run();
  EXPECT_EQ(what, "from aside");
  EXPECT_NE(where, std::this_thread::get_id());
  group.abandon();
}

Task<> lost(Loop* loop, Aside* aside, std::shared_future<void> go, std::promise<void>* gone) {
  std::function<int()> call = [go, gone] {
    go.wait();
    gone->set_value();
    return 1;
  };
  auto task = aside->run(std::move(call));
  loop->post([loop] { loop->stop(); });
  (void)co_await std::move(task);
  ADD_FAILURE() << "nobody waits for it any more";
}

TEST(Aside, a_call_that_outlives_it_is_lost) {
  std::promise<void> go;
  std::promise<void> gone;
  {
    Loop loop;
    Group group(loop, "test");
    {
      Aside aside(loop);
      group.start(lost(&loop, &aside, go.get_future().share(), &gone));
      loop.run();
    }
    group.abandon();
  }
  go.set_value();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

}  // namespace
}  // namespace postlude::rt
