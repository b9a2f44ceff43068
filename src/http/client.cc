#include "http/client.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "base/check.h"
#include "http/exchange.h"
#include "rt/thread.h"

namespace postlude::http {
namespace {

constexpr std::size_t kSpareHandlesMax = 32;  // per pool
constexpr Duration kPoolKept = std::chrono::minutes(2);
constexpr Duration kSweepEvery = std::chrono::seconds(30);
constexpr std::uint64_t kWakeKey = ~std::uint64_t{0};

using ExchangePtr = std::shared_ptr<Exchange>;
using Batch = std::vector<ExchangePtr>;

Error shutting_down() {
  return {Code::kUnavailable, "shutting down"};
}

class Engine;

// The connections of one target. libcurl reuses connections within one multi, hence one multi for each pool.
struct Pool {
  Engine* engine = nullptr;
  std::uint32_t id = 0;
  std::string name;
  CURLM* multi = nullptr;
  std::deque<ExchangePtr> waiting;
  std::unordered_map<CURL*, ExchangePtr> running;
  std::vector<CURL*> spare;
  std::size_t running_max = 0;  // nobody has said
  std::optional<Duration> due;  // when libcurl wants to be called, whatever the sockets do
  Duration last_used{};
  bool queued = false;  // is in Engine::ready_
};

// The client's thread: one epoll over the sockets of all pools.
class Engine {
 public:
  Engine(ClientOptions options, std::function<void(Batch)> hand_back);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Any thread. kCancelled: stopped. kUnavailable: our own thread cannot be started now.
  Status submit(ExchangePtr exchange);
  void stop();  // any thread

 private:
  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* user, void* known);
  static int on_timer(CURLM* multi, long ms, void* user);

  void run();
  bool take_inbox();
  void enqueue(ExchangePtr exchange);
  Pool& pool_of(const std::string& name);
  void bound(Pool& pool, std::size_t running_max);
  void start_what_may();
  void start_one(Pool& pool);
  void wait_and_act();
  void act_on_timers();
  void collect(Pool& pool);
  void finish(ExchangePtr exchange, CURLcode code);
  void set_due(Pool& pool, std::optional<Duration> due);
  void sweep(Duration now);
  void close(Pool& pool);
  void end_all();

  const ClientOptions options_;
  const std::function<void(Batch)> hand_back_;
  int epoll_ = -1;
  int wake_ = -1;
  std::string unusable_;  // why nothing can be sent, as where no file can be opened; else ""

  std::mutex mutex_;  // guards the next three
  Batch inbox_;
  bool stopping_ = false;
  bool woken_ = false;

  std::map<std::string, std::unique_ptr<Pool>> pools_;
  std::unordered_map<std::uint32_t, Pool*> by_id_;
  std::set<std::pair<Duration, std::uint32_t>> timers_;
  std::deque<Pool*> ready_;  // those with exchanges waiting, next in turn first
  std::size_t in_flight_ = 0;
  std::size_t waiting_ = 0;
  std::uint32_t last_id_ = 0;
  Duration next_sweep_{};
  Batch finished_;
  std::thread thread_;  // guarded by the mutex; begins with the first exchange
};

Engine::Engine(ClientOptions options, std::function<void(Batch)> hand_back)
    : options_(std::move(options)), hand_back_(std::move(hand_back)) {
  init_curl();
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeKey;
  if (epoll_ < 0 || wake_ < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0)
    unusable_ = std::string("no request can be sent: ") + std::strerror(errno);
}

Engine::~Engine() {
  stop();
  if (thread_.joinable()) thread_.join();
  if (wake_ >= 0) ::close(wake_);
  if (epoll_ >= 0) ::close(epoll_);
}

Status Engine::submit(ExchangePtr exchange) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return shutting_down();
    if (!unusable_.empty()) return Error(Code::kUnavailable, unusable_);
    if (!thread_.joinable()) {
      TRY(thread_, rt::start_thread("http-client", [this] { run(); }));
    }
    inbox_.push_back(std::move(exchange));
    wake = !std::exchange(woken_, true);
  }
  if (wake) eventfd_write(wake_, 1);
  return ok();
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_, 1);
}

void Engine::run() {
  while (take_inbox()) {
    start_what_may();
    act_on_timers();
    start_what_may();  // what has just ended has made room
    if (!finished_.empty()) hand_back_(std::exchange(finished_, {}));
    wait_and_act();
  }
  end_all();
  if (!finished_.empty()) hand_back_(std::exchange(finished_, {}));
}

bool Engine::take_inbox() {
  Batch batch;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(inbox_);
    woken_ = false;
    stopping = stopping_;
  }
  for (ExchangePtr& exchange : batch)
    enqueue(std::move(exchange));
  return !stopping;
}

void Engine::enqueue(ExchangePtr exchange) {
  if (waiting_ >= options_.waiting_max) {
    exchange->result = Error(Code::kUnavailable, "too many requests are waiting to be sent");
    finished_.push_back(std::move(exchange));
    return;
  }
  Pool& pool = pool_of(exchange->peer.pool);
  bound(pool, std::max<std::size_t>(1, exchange->peer.pool_max));
  pool.waiting.push_back(std::move(exchange));
  ++waiting_;
  if (!std::exchange(pool.queued, true)) ready_.push_back(&pool);
}

Pool& Engine::pool_of(const std::string& name) {
  auto& pool = pools_[name];
  if (pool) return *pool;
  pool = std::make_unique<Pool>();
  pool->engine = this;
  pool->id = ++last_id_;
  pool->name = name;
  pool->multi = curl_multi_init();
  CHECK(pool->multi != nullptr);
  curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool.get());
  curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool.get());
  by_id_.emplace(pool->id, pool.get());
  return *pool;
}

// libcurl counts connections in use as well: with fewer than may be in use at once, it would close each one
// that becomes idle, and every request would open its own.
void Engine::bound(Pool& pool, std::size_t running_max) {
  if (pool.running_max == running_max) return;
  pool.running_max = running_max;
  curl_multi_setopt(pool.multi, CURLMOPT_MAXCONNECTS,
                    static_cast<long>(std::max(running_max, options_.idle_per_pool_max)));
}

// In turns, one of each pool, so that a long queue does not stand before a short one.
void Engine::start_what_may() {
  bool started = true;
  while (started) {
    started = false;
    for (std::size_t n = ready_.size(); n > 0; --n) {
      Pool& pool = *ready_.front();
      ready_.pop_front();
      const bool has_room = pool.running.empty() || in_flight_ < options_.in_flight_max;
      if (has_room && pool.running.size() < pool.running_max) {
        start_one(pool);
        started = true;
      }
      pool.queued = !pool.waiting.empty();
      if (pool.queued) ready_.push_back(&pool);
    }
  }
}

void Engine::start_one(Pool& pool) {
  ExchangePtr exchange = std::move(pool.waiting.front());
  pool.waiting.pop_front();
  --waiting_;
  pool.last_used = rt::steady_now();
  CURL* easy = nullptr;
  if (pool.spare.empty()) {
    easy = curl_easy_init();
    CHECK(easy != nullptr);
  } else {
    easy = pool.spare.back();
    pool.spare.pop_back();
  }
  auto prepared = exchange->prepare(easy, options_);
  if (!prepared) {
    curl_easy_cleanup(easy);
    exchange->result = std::move(prepared).error();
    finished_.push_back(std::move(exchange));
    return;
  }
  CHECK(curl_multi_add_handle(pool.multi, easy) == CURLM_OK);
  pool.running.emplace(easy, std::move(exchange));
  ++in_flight_;
}

int Engine::on_socket(CURL*, curl_socket_t fd, int what, void* user, void* known) {
  auto& pool = *static_cast<Pool*>(user);
  const int epoll = pool.engine->epoll_;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
    return 0;
  }
  epoll_event event{};
  if (what != CURL_POLL_OUT) event.events |= EPOLLIN;
  if (what != CURL_POLL_IN) event.events |= EPOLLOUT;
  event.data.u64 = (std::uint64_t{pool.id} << 32U) | static_cast<std::uint32_t>(fd);
  if (known == nullptr) {
    curl_multi_assign(pool.multi, fd, &pool);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return 0;
  }
  // A descriptor may have come back under the same number without our having been told of its end.
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  return 0;
}

int Engine::on_timer(CURLM*, long ms, void* user) {
  auto& pool = *static_cast<Pool*>(user);
  if (ms < 0) {
    pool.engine->set_due(pool, std::nullopt);
  } else {
    pool.engine->set_due(pool, rt::steady_now() + std::chrono::milliseconds(ms));
  }
  return 0;
}

void Engine::set_due(Pool& pool, std::optional<Duration> due) {
  if (pool.due) timers_.erase({*pool.due, pool.id});
  pool.due = due;
  if (due) timers_.emplace(*due, pool.id);
}

void Engine::act_on_timers() {
  const Duration now = rt::steady_now();
  // Bounded: a pool whose timer is set again while it acts is served in the next turn.
  std::vector<std::uint32_t> due;
  for (const auto& [when, id] : timers_) {
    if (when > now) break;
    due.push_back(id);
  }
  for (const std::uint32_t id : due) {
    Pool& pool = *by_id_.at(id);
    set_due(pool, std::nullopt);
    int running = 0;
    curl_multi_socket_action(pool.multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(pool);
  }
  if (now >= next_sweep_) sweep(now);
}

void Engine::wait_and_act() {
  Duration until = next_sweep_;
  if (!timers_.empty()) until = std::min(until, timers_.begin()->first);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - rt::steady_now()).count();
  epoll_event events[128];
  const int n = epoll_wait(epoll_, events, 128, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000)));
  std::unordered_set<Pool*> touched;
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events[i];
    if (event.data.u64 == kWakeKey) {
      eventfd_t ignored = 0;
      eventfd_read(wake_, &ignored);
      continue;
    }
    const auto found = by_id_.find(static_cast<std::uint32_t>(event.data.u64 >> 32U));
    if (found == by_id_.end()) continue;
    int mask = 0;
    if ((event.events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
    int running = 0;
    const auto fd = static_cast<curl_socket_t>(event.data.u64 & 0xFFFFFFFFU);
    curl_multi_socket_action(found->second->multi, fd, mask, &running);
    touched.insert(found->second);
  }
  for (Pool* pool : touched)
    collect(*pool);
}

void Engine::collect(Pool& pool) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(pool.multi, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(pool.multi, easy);
    const auto found = pool.running.find(easy);
    CHECK(found != pool.running.end());
    ExchangePtr exchange = std::move(found->second);
    pool.running.erase(found);
    --in_flight_;
    finish(std::move(exchange), code);
    if (pool.spare.size() < kSpareHandlesMax) {
      curl_easy_reset(easy);
      pool.spare.push_back(easy);
    } else {
      curl_easy_cleanup(easy);
    }
  }
  pool.last_used = rt::steady_now();
}

void Engine::finish(ExchangePtr exchange, CURLcode code) {
  exchange->conclude(code);
  finished_.push_back(std::move(exchange));
}

// Targets come and go with the configuration.
void Engine::sweep(Duration now) {
  next_sweep_ = now + kSweepEvery;
  for (auto it = pools_.begin(); it != pools_.end();) {
    Pool& pool = *it->second;
    const bool idle = pool.running.empty() && pool.waiting.empty() && now - pool.last_used > kPoolKept;
    if (idle) close(pool);
    it = idle ? pools_.erase(it) : std::next(it);
  }
}

void Engine::close(Pool& pool) {
  for (CURL* easy : pool.spare)
    curl_easy_cleanup(easy);
  pool.spare.clear();
  curl_multi_cleanup(pool.multi);
  set_due(pool, std::nullopt);
  by_id_.erase(pool.id);
}

void Engine::end_all() {
  for (auto& [name, pool] : pools_) {
    for (auto& [easy, exchange] : pool->running) {
      curl_multi_remove_handle(pool->multi, easy);
      std::strncpy(exchange->error_text, "shutting down", sizeof(exchange->error_text) - 1);
      finish(exchange, CURLE_ABORTED_BY_CALLBACK);
      curl_easy_cleanup(easy);
    }
    pool->running.clear();
    for (ExchangePtr& exchange : pool->waiting) {
      exchange->result = shutting_down();
      finished_.push_back(std::move(exchange));
    }
    pool->waiting.clear();
    close(*pool);
  }
  pools_.clear();
  ready_.clear();
}

// The loop's list of the exchanges in progress.
struct Desk {
  std::unordered_set<ExchangePtr> open;

  void close(const Batch& batch) {
    for (const ExchangePtr& exchange : batch) {
      if (open.erase(exchange) > 0) exchange->done->open();
    }
  }
};

rt::Task<Result<HttpResponse>> answer_to(Engine* engine, std::shared_ptr<Desk> desk, ExchangePtr exchange) {
  if (const Status taken = engine->submit(exchange); !taken) co_return taken.error();
  desk->open.insert(exchange);
  co_await exchange->done->wait();
  co_return std::move(*exchange->result);
}

}  // namespace

struct Client::Impl {
  Impl(rt::Loop& loop, ClientOptions options)
      : desk(std::make_shared<Desk>()), engine(std::move(options), [&loop, desk = desk](Batch batch) {
          loop.post([desk, batch = std::move(batch)] { desk->close(batch); });
        }) {}

  std::shared_ptr<Desk> desk;
  Engine engine;
};

Client::Client(rt::Loop& loop, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(options))) {}

// The loop has left the coroutines that still wait: destroying a latch destroys its coroutine.
Client::~Client() {
  const auto desk = impl_->desk;
  impl_.reset();
  const auto left = std::exchange(desk->open, {});
  for (const ExchangePtr& exchange : left)
    exchange->done.reset();
}

rt::Task<Result<HttpResponse>> Client::send(HttpRequest request, Peer peer, std::function<bool()> may_send) {
  auto exchange = std::make_shared<Exchange>(std::move(request), std::move(peer), std::move(may_send));
  return answer_to(&impl_->engine, impl_->desk, std::move(exchange));
}

void Client::stop() {
  impl_->engine.stop();
}

}  // namespace postlude::http
