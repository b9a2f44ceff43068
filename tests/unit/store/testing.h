#pragma once
// testing: a store on a real file, driven one call at a time. For this folder's tests.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "rt/group.h"
#include "store/memory.h"
#include "store/store.h"

namespace postlude::intake {

// The one that may say that a sender proved itself is not linked here; this one stands in its place.
class Source {
 public:
  static Authentic authentic() { return Authentic("bearer", Covers::kCall); }
};

}  // namespace postlude::intake

namespace postlude::store {

inline Instant at(std::int64_t seconds) {
  return instant((1'800'000'000 + seconds) * 1'000'000);
}

// A folder that goes when its test has ended.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "postlude-store-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The loop, run for as long as one call takes.
class Driver {
 public:
  ~Driver() { group_.abandon(); }

  template <class T>
  T wait(rt::Task<T> task) {
    std::optional<T> out;
    group_.start(keep(std::move(task), &out, &loop));
    loop.context().restart();
    loop.run();
    return *std::move(out);
  }
  void wait(rt::Task<> task) {
    group_.start(end(std::move(task), &loop));
    loop.context().restart();
    loop.run();
  }
  // All of them under way at once, so that they meet in groups.
  template <class T>
  std::vector<T> wait_all(std::vector<rt::Task<T>> tasks) {
    std::vector<std::optional<T>> out(tasks.size());
    std::size_t left = tasks.size();
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      group_.start(keep_one(std::move(tasks[i]), &out[i], &loop, &left));
    }
    loop.context().restart();
    loop.run();
    std::vector<T> values;
    for (auto& value : out)
      values.push_back(*std::move(value));
    return values;
  }

  rt::Loop loop;

 private:
  template <class T>
  static rt::Task<> keep(rt::Task<T> task, std::optional<T>* out, rt::Loop* loop) {
    out->emplace(co_await std::move(task));
    loop->stop();
  }
  static rt::Task<> end(rt::Task<> task, rt::Loop* loop) {
    co_await std::move(task);
    loop->stop();
  }
  template <class T>
  static rt::Task<> keep_one(rt::Task<T> task, std::optional<T>* out, rt::Loop* loop, std::size_t* left) {
    out->emplace(co_await std::move(task));
    if (--*left == 0) loop->stop();
  }

  rt::Group group_{loop, "test"};
};

// The databases that the conformance tests are put to: a name, and the URL of a new store in `folder`;
// nullptr: a Memory.
struct Backend {
  const char* name;
  std::string (*url)(const Folder& folder);
};
inline const Backend kSqlite{"sqlite", [](const Folder& folder) { return "sqlite:" + folder.file("a.db"); }};
inline const Backend kMemory{"memory", nullptr};

class StoreTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override { reopen(); }

  // As after a crash: nothing was given back.
  void reopen() {
    store_.reset();
    Options options;
    if (GetParam().url != nullptr) {
      options.url = GetParam().url(folder_);
    } else {
      if (memory_ == nullptr) memory_ = *Memory::create();
      options.memory = memory_;
    }
    options.follow = in_order;
    options.durable = false;  // what is tested here does not hang on the sync, and tests are many
    auto opened = Store::open(driver_.loop, options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  // The engine is not linked here; this one gives steps their turn one after the other, and cancels at once.
  static Decision in_order(const postlude::Run& run, Instant now) {
    Decision d;
    bool busy = false;
    bool failed = false;
    for (const Step& s : run.steps) {
      failed = failed || s.state == StepState::kFailed;
      if (terminal(s.state) || busy) continue;
      if (!run.cancel.empty() && s.state != StepState::kRunning) {
        d.changes.push_back({s.index, StepState::kCancelled, {}, run.cancel});
        continue;
      }
      busy = true;
      if (s.state == StepState::kPending && !s.due_at)
        d.changes.push_back({s.index, StepState::kPending, now});
    }
    d.run = busy                  ? RunState::kRunning
            : !run.cancel.empty() ? RunState::kCancelled
            : failed              ? RunState::kFailed
                                  : RunState::kSucceeded;
    return d;
  }

  static Delivery delivery(std::int64_t second, std::string body = "{}") {
    Delivery d;
    d.source = "flagger";
    d.hook = "post-rollout";
    d.received_at = at(second);
    d.method = "POST";
    d.target = "/hooks/flagger/post-rollout";
    d.remote = "127.0.0.1";
    d.headers = R"({"content-type":"application/json"})";
    d.body = std::move(body);
    d.verdict = Verdict::kAccepted;
    d.status = 202;
    return d;
  }
  static Event event_of(const Delivery& d, const std::string& name = "app") {
    Event e;
    e.source = d.source;
    e.cluster = d.cluster;
    e.hook = d.hook;
    e.received_at = d.received_at;
    e.name_space = "prod";
    e.name = name;
    e.phase = "Succeeded";
    e.outcome = "promoted";
    e.payload = d.body;
    return e;
  }
  static Identity last_call(const Delivery& d, const std::string& canary = "prod/app") {
    Identity i;
    i.kind = Identity::Kind::kLastCall;
    i.digest = "digest of " + d.body;
    i.window = std::chrono::seconds(35);
    i.ends = true;
    i.named = canary;
    i.canary = canary;
    return i;
  }
  Result<Receipt> append(const Delivery& d, const Identity& identity) {
    return driver_.wait(store_->append(intake::Source::authentic(), d, event_of(d), identity));
  }
  // A new event, whatever came before.
  EventId add_event(std::int64_t second, const std::string& name = "app") {
    Delivery d = delivery(second, "{\"at\":" + std::to_string(second) + "}");
    auto receipt =
        driver_.wait(store_->append(intake::Source::authentic(), d, event_of(d, name), Identity{}));
    EXPECT_TRUE(receipt);
    return *receipt->event();
  }
  static Step step(const std::string& name, const std::string& target = "jira") {
    Step s;
    s.name = name;
    s.title = name;
    s.target = target;
    s.uses = target + "/act";
    s.part = name;
    return s;
  }
  static NewRun new_run(const std::string& workflow, std::vector<Step> steps,
                        const std::string& key = "prod/app") {
    NewRun r;
    r.workflow = workflow;
    r.text = "text of " + workflow;
    r.queue_key = key;
    r.timeout = std::chrono::hours(24);
    r.steps = std::move(steps);
    return r;
  }
  RunId begin_run(std::int64_t second, const std::string& workflow, std::vector<Step> steps,
                  const std::string& key = "prod/app") {
    const EventId event = add_event(second);
    const Status done =
        driver_.wait(store_->start(event, {new_run(workflow, std::move(steps), key)}, {}, at(second)));
    EXPECT_TRUE(done);
    auto detail = driver_.wait(store_->event(event));
    EXPECT_TRUE(detail && detail->runs.size() == 1);
    return detail->runs[0].id;
  }
  std::vector<Work> claim(std::int64_t second, std::size_t most = 64) {
    Claim c;
    c.now = at(second);
    c.steps_max = most;
    auto work = driver_.wait(store_->claim(c));
    EXPECT_TRUE(work);
    return *std::move(work);
  }
  RunDetail show(RunId id) {
    auto detail = driver_.wait(store_->run(id));
    EXPECT_TRUE(detail);
    return *std::move(detail);
  }
  static AttemptEnd ended(const Work& work, std::int64_t second, Outcome outcome) {
    AttemptEnd end;
    end.lease = work.lease;
    end.ended_at = at(second);
    end.outcome = std::move(outcome);
    return end;
  }
  // A rule that ends the step so, and makes the next one due; the last one ends the run.
  static Rule succeed(std::uint32_t index, Instant now) {
    return [index, now](const postlude::Run& run) {
      Decision d;
      d.changes.push_back({index, StepState::kSucceeded, std::nullopt, "", false, false, "{\"ok\":true}"});
      if (index + 1 < run.steps.size()) {
        d.changes.push_back({index + 1, StepState::kPending, now, "", false, std::nullopt, std::nullopt});
        d.run = RunState::kRunning;
      } else {
        d.run = RunState::kSucceeded;
      }
      return d;
    };
  }
  // The step fails, those after it are skipped, the run has failed.
  static Rule fail(std::uint32_t index) {
    return [index](const postlude::Run& run) {
      Decision d;
      d.changes.push_back(
          {index, StepState::kFailed, std::nullopt, "refused", false, std::nullopt, std::nullopt});
      for (std::uint32_t i = index + 1; i < run.steps.size(); ++i) {
        StepChange skipped{i, StepState::kSkipped, std::nullopt, "a step failed"};
        skipped.because = Because::kStepFailed;
        d.changes.push_back(std::move(skipped));
      }
      d.run = RunState::kFailed;
      d.reason = "refused";
      return d;
    };
  }
  // The step is left so, the run goes on.
  static Rule leave(StepChange change, RunState run = RunState::kRunning) {
    return [change, run](const postlude::Run&) { return Decision{{change}, run, ""}; };
  }
  Status record(const AttemptEnd& end, const Rule& rule) { return driver_.wait(store_->record(end, rule)); }

  Folder folder_;
  Driver driver_;
  std::shared_ptr<Memory> memory_;
  std::unique_ptr<Store> store_;
};

}  // namespace postlude::store
