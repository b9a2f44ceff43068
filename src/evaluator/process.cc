#include "evaluator/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstdio>

namespace postlude::evaluator {
namespace {

using boost::system::error_code;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kWatchMemory = true;  // RLIMIT_AS and a sanitizer's shadow memory exclude each other
#else
constexpr bool kWatchMemory = false;
#endif
constexpr std::size_t kQuarantine = 256U << 20U;  // what a sanitizer keeps of freed memory
constexpr Duration kMemoryTick = std::chrono::milliseconds(5);

// Closes what it holds unless it was released.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  // Out of the way of the numbers that the child's descriptors get.
  bool lift() {
    const int higher = fcntl(fd_, F_DUPFD_CLOEXEC, 10);
    if (fd_ >= 0) close(fd_);
    fd_ = higher;
    return fd_ >= 0;
  }

 private:
  int fd_;
};

std::size_t resident_bytes(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/statm";
  FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return 0;
  std::size_t total = 0;
  std::size_t resident = 0;
  const int read = std::fscanf(file, "%zu %zu", &total, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

Error os_error(const char* what, int number) {
  return Error(Code::kUnavailable, std::string("cannot start an evaluator: ") + what + ": " +
                                       std::generic_category().message(number));
}

// The child: the socket as its standard input, nothing on its outputs, no environment, no signal blocked.
int spawn(const std::vector<std::string>& command, int socket, int memory, pid_t& pid) {
  std::vector<char*> argv;
  std::vector<std::string> words = command;
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  char* environment[] = {nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, socket, kSocketFd);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_adddup2(&actions, memory, kSharedFd);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  const int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace

struct Process::Impl : std::enable_shared_from_this<Process::Impl> {
  explicit Impl(rt::Loop& loop) : socket(loop.context()), watch(loop.context()) {}
  ~Impl() {
    if (pid > 0) {
      ::kill(pid, SIGKILL);
      reap();
    }
    if (shared != nullptr) munmap(shared, sizeof(SharedState));
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  int reap() {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    pid = 0;
    return status;
  }

  // Looks now and then whether the child gets on. One timer stays pending over many asks: arming it costs
  // more than a whole evaluation.
  void look_later() {
    watching = true;
    watch.expires_after(kWatchMemory ? kMemoryTick : standstill_max);
    watch.async_wait([weak = weak_from_this()](const error_code& error) {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->watching = false;
      if (!error && self->asking && self->pid > 0) self->look();
    });
  }

  void look() {
    const std::uint32_t progress = shared->progress;
    if (progress != seen) {
      seen = progress;
      deadline = rt::steady_now() + standstill_max;
    } else if (rt::steady_now() >= deadline) {
      stood_still = true;
      ::kill(pid, SIGKILL);
      return;
    }
    if (kWatchMemory && resident_bytes(pid) > memory_max) {
      too_large = true;
      ::kill(pid, SIGKILL);
      return;
    }
    look_later();
  }

  boost::asio::local::stream_protocol::socket socket;
  boost::asio::steady_timer watch;
  pid_t pid = 0;
  SharedState* shared = nullptr;
  Duration standstill_max{};
  Duration deadline{};
  std::size_t memory_bytes = 0;
  std::size_t memory_max = 0;  // resident, for the watch
  std::uint32_t seen = 0;
  bool asking = false;
  bool watching = false;
  bool too_large = false;
  bool stood_still = false;
  bool killed = false;
  std::string in;  // reused
};

Process::Process(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Process::~Process() = default;

Result<std::unique_ptr<Process>> Process::start(rt::Loop& loop, const Options& options) {
  if (options.command.empty()) return Error(Code::kUnavailable, "no command for evaluators");
  auto impl = std::make_shared<Impl>(loop);
  impl->standstill_max = options.standstill;
  impl->memory_bytes = options.memory_bytes;
  int pair[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return os_error("socketpair", errno);
  Fd ours(pair[0]);
  Fd theirs(pair[1]);
  Fd memory(memfd_create("postlude-evaluator", MFD_CLOEXEC));
  if (!theirs.lift() || !memory.lift()) return os_error("descriptors", errno);
  if (ftruncate(memory.get(), sizeof(SharedState)) != 0) return os_error("shared memory", errno);
  void* page = mmap(nullptr, sizeof(SharedState), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (page == MAP_FAILED) return os_error("shared memory", errno);
  impl->shared = new (page) SharedState;
  if (const int error = spawn(options.command, theirs.get(), memory.get(), impl->pid); error != 0) {
    impl->pid = 0;
    return os_error(options.command[0].c_str(), error);
  }
  error_code ec;
  impl->socket.assign(boost::asio::local::stream_protocol(), ours.get(), ec);
  if (ec) return os_error("socket", ec.value());
  ours.release();
  return std::unique_ptr<Process>(new Process(std::move(impl)));
}

rt::Task<Result<std::string>> Process::ask(std::string frame) {
  const auto held = impl_;
  Impl& impl = *held;
  if (impl.pid == 0 || impl.killed) co_return Error(Code::kUnavailable, "the evaluator has ended");
  impl.asking = true;
  impl.seen = impl.shared->progress;
  impl.deadline = rt::steady_now() + impl.standstill_max;
  if (kWatchMemory) impl.memory_max = resident_bytes(impl.pid) + impl.memory_bytes + kQuarantine;
  if (!impl.watching) impl.look_later();
  const auto token = boost::asio::as_tuple(boost::asio::use_awaitable);
  const auto out = boost::asio::buffer(frame);
  auto [write_error, written] = co_await boost::asio::async_write(impl.socket, out, token);
  bool failed = static_cast<bool>(write_error);
  std::string& in = impl.in;
  std::size_t have = 0;
  std::size_t need = sizeof(std::uint32_t);
  bool head = true;
  while (!failed && have < need) {
    if (in.size() < need + 4096) in.resize(need + 4096);
    const auto into = boost::asio::buffer(in.data() + have, in.size() - have);
    auto [read_error, count] = co_await impl.socket.async_read_some(into, token);
    have += count;
    if (read_error) failed = true;
    if (head && have >= sizeof(std::uint32_t)) {
      std::uint32_t length = 0;
      std::memcpy(&length, in.data(), sizeof length);
      if (length == 0 || length > kFrameMax) failed = true;
      need = sizeof length + length;
      head = false;
    }
  }
  impl.asking = false;
  if (failed) co_return Error(Code::kUnavailable, "the evaluator has ended");
  std::string body = in.substr(sizeof(std::uint32_t), need - sizeof(std::uint32_t));
  if (in.capacity() > 1U << 20U) std::string().swap(in);
  co_return body;
}

void Process::kill() {
  impl_->killed = true;
  if (impl_->pid > 0) ::kill(impl_->pid, SIGKILL);
}

Death Process::death() {
  Impl& impl = *impl_;
  Death death;
  death.phase = static_cast<ChildPhase>(impl.shared->phase.load());
  death.running = impl.shared->running;
  if (impl.pid == 0) return death;
  // Alive after all, say after a frame that made no sense? Then nobody speaks with it any more.
  error_code ec;
  impl.socket.close(ec);
  ::kill(impl.pid, SIGKILL);
  const int status = impl.reap();
  death.number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  if (impl.too_large || impl.shared->no_memory == 1) {
    death.cause = Death::Cause::kMemory;
  } else if (impl.stood_still) {
    death.cause = Death::Cause::kStandstill;
  } else if (WIFSIGNALED(status) && death.number == SIGPROF) {
    death.cause = Death::Cause::kTime;
  } else if (WIFSIGNALED(status)) {
    death.cause = Death::Cause::kSignal;
    death.from_outside = death.number == SIGKILL;
  }
  return death;
}

}  // namespace postlude::evaluator
