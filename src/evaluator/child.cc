#include "evaluator/child.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>
#include <vector>

#include "evaluator/fence.h"
#include "evaluator/programs.h"
#include "evaluator/wire.h"

namespace postlude::evaluator {
namespace {

constexpr std::uint64_t kCompileMicros = 5'000'000;  // CPU time of one program's compilation
constexpr std::uint64_t kReadMicros = 5'000'000;     // … and of reading a context

SharedState* shared = nullptr;

[[noreturn]] void out_of_memory() {
  shared->no_memory = 1;
  _exit(1);
}
void out_of_memory_in_jq(void* /*unused*/) {
  out_of_memory();
}

// Past it SIGPROF ends the process: CPU time, so that a busy machine makes nobody late.
void arm(std::uint64_t cpu_micros) {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(cpu_micros / 1'000'000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(cpu_micros % 1'000'000);
  setitimer(ITIMER_PROF, &timer, nullptr);
}

void enter(ChildPhase phase, std::uint32_t running = 0) {
  shared->running = running;
  shared->phase = static_cast<std::uint32_t>(phase);
  ++shared->progress;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
int own_size = -1;  // /proc/self/statm, open since nothing can be opened any more

std::size_t address_space() {
  char text[64];
  const ssize_t read = pread(own_size, text, sizeof text - 1, 0);
  if (read <= 0) return 0;
  text[read] = '\0';
  return std::strtoull(text, nullptr, 10) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}
void open_own_size() {
  own_size = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}
// Counted from what it has now: compiled programs are no expression's fault.
void bound_memory(std::size_t bytes) {
  const std::size_t now = address_space();
  const rlimit limit{now + bytes, RLIM_INFINITY};
  if (now != 0) setrlimit(RLIMIT_AS, &limit);
}
#else
void open_own_size() {}
void bound_memory(std::size_t /*bytes*/) {}  // a sanitizer reserves terabytes; the parent watches RSS instead
#endif

void lock_down() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "postlude-eval");
  close_range(kSharedFd + 1, ~0U, 0);
  const rlimit no_core{1, 1};  // 1, since 0 does not stop a core pattern that is a pipe
  setrlimit(RLIMIT_CORE, &no_core);
  const rlimit stack{8U << 20U, RLIM_INFINITY};
  setrlimit(RLIMIT_STACK, &stack);
  const rlimit no_files{0, 0};
  setrlimit(RLIMIT_FSIZE, &no_files);
  for (const int s : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGPROF})
    signal(s, SIG_DFL);
  for (const int s :
       {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGIO, SIGPWR, SIGSTKFLT})
    signal(s, SIG_IGN);     // the parent says when
  setenv("TZ", "UTC0", 1);  // or libc reads /etc/localtime
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
  mallopt(M_MMAP_THRESHOLD, 1 << 18);
  std::set_new_handler(out_of_memory);
  open_own_size();
}

bool read_all(char* to, std::size_t count) {
  while (count > 0) {
    const ssize_t n = read(kSocketFd, to, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    count -= static_cast<std::size_t>(n);
  }
  return true;
}

bool write_all(const std::string& bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = write(kSocketFd, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

class FrameHandler {
 public:
  // The answer to one frame's body; "" when it makes no sense, which ends this process.
  std::string answer(std::string_view body) {
    FrameReader in(body);
    const char kind = in.byte();
    FrameWriter out;
    out.byte(kind);
    const bool done = kind == kSetUp     ? set_up(in, out)
                      : kind == kCompile ? compile(in, out)
                                         : evaluate(in, out, kind);
    enter(ChildPhase::kIdle);
    return done ? std::move(out).frame() : std::string();
  }

 private:
  bool set_up(FrameReader& in, FrameWriter& out) {
    time_micros_ = in.u64();
    memory_ = in.u64();
    output_ = in.u64();
    programs_.emplace(std::string(in.text()), out_of_memory_in_jq);
    bound_memory(memory_);
    out.text(raise_fence());
    return in.ok();
  }

  bool compile(FrameReader& in, FrameWriter& out) {
    if (!programs_) return false;
    for (std::uint32_t n = in.u32(); n > 0 && in.ok(); --n)
      programs_->forget(in.u32());
    const std::uint32_t id = in.u32();
    std::vector<std::string> texts;
    for (std::uint32_t n = in.u32(); n > 0 && in.ok(); --n)
      texts.emplace_back(in.text());
    if (!in.ok()) return false;
    enter(ChildPhase::kCompiling);
    const auto begin = [] {
      ++shared->progress;
      arm(kCompileMicros);
    };
    for (const std::string& message : programs_->compile(id, texts, begin))
      out.text(message);
    arm(0);
    bound_memory(memory_);
    return true;
  }

  bool evaluate(FrameReader& in, FrameWriter& out, char kind) {
    if (!programs_ || kind != kEvaluate) return false;
    const double now = in.f64();
    const std::string_view context = in.text();
    const std::uint32_t count = in.u32();
    if (!in.ok()) return false;
    enter(ChildPhase::kReading);
    arm(kReadMicros);
    const std::string unreadable = programs_->set_context(context);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t program = in.u32();
      const std::uint32_t index = in.u32();
      if (!in.ok()) return false;
      EvaluationResult result{ResultKind::kInvalid, unreadable};
      if (unreadable.empty()) {
        enter(ChildPhase::kEvaluating, i);
        arm(time_micros_);
        result = programs_->run(program, index, now, output_);
        if (out.size() + result.text.size() > kAnswersMax) {
          result = {ResultKind::kTooMuch, "the values of this step are larger than 64MiB together"};
        }
      }
      out.byte(static_cast<char>(result.kind));
      out.text(result.text);
    }
    arm(0);
    programs_->clear_context();
    return true;
  }

  std::uint64_t time_micros_ = 0;
  std::uint64_t memory_ = 0;
  std::uint64_t output_ = 0;
  std::optional<Programs> programs_;
};

}  // namespace

void run_child() {
  void* page = mmap(nullptr, sizeof(SharedState), PROT_READ | PROT_WRITE, MAP_SHARED, kSharedFd, 0);
  if (page == MAP_FAILED) _exit(2);
  shared = static_cast<SharedState*>(page);
  lock_down();
  FrameHandler handler;
  std::string body;
  for (;;) {
    std::uint32_t length = 0;
    char head[sizeof length];
    if (!read_all(head, sizeof head)) _exit(0);
    std::memcpy(&length, head, sizeof length);
    if (length == 0 || length > kFrameMax) _exit(2);
    body.resize(length);
    if (!read_all(body.data(), length)) _exit(0);
    const std::string reply = handler.answer(body);
    if (reply.empty() || !write_all(reply)) _exit(2);
    if (body.capacity() > 1U << 20U) std::string().swap(body);
  }
}

}  // namespace postlude::evaluator
