#include "rt/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "rt/loop.h"

namespace postlude::rt {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(20);

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

struct Pipe {
  Fd out, in;  // to be read, to be written
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return false;
    out.reset(ends[0]);
    in.reset(ends[1]);
    return true;
  }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words)
    result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

std::string words_of(int number) {
  return std::generic_category().message(number);
}

// 0, or an errno.
int spawn(const Program& program, const Pipe& output, const Pipe& errors, pid_t& pid) {
  std::vector<std::string> command = program.command;
  std::vector<std::string> environment = program.environment;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.in.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.in.get(), STDERR_FILENO);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const int failed = posix_spawnp(&pid, command[0].c_str(), &actions, &attributes, pointers(command).data(),
                                  pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

// Takes what there is. false: nobody writes any more. What is beyond `most` is counted and dropped.
bool drain(Fd& fd, std::string& into, std::size_t most, bool& over) {
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n > 0) {
      const std::size_t room = most - std::min(most, into.size());
      over = over || static_cast<std::size_t>(n) > room;
      into.append(buffer.data(), std::min(room, static_cast<std::size_t>(n)));
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    fd.reset();
    return false;
  }
}

// The child, until it has been waited for.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() { (void)kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Whether it has ended.
  bool ended() {
    if (pid_ <= 0) return true;
    if (::waitpid(pid_, &status_, WNOHANG) == 0) return false;
    stop_others();
    pid_ = 0;
    return true;
  }
  int kill() {
    if (pid_ <= 0) return status_;
    stop_others();
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status_;
  }
  int status() const { return status_; }

 private:
  void stop_others() const { ::kill(-pid_, SIGKILL); }  // its process group
  pid_t pid_;
  int status_ = 0;
};

}  // namespace

Result<ProgramEnd> run_program(const Program& program) {
  const std::string name = program.command.empty() ? "" : program.command[0];
  if (name.empty()) return Error(Code::kInvalid, "no program is named");
  Pipe output;
  Pipe errors;
  if (!output.open() || !errors.open())
    return Error(Code::kUnavailable, name + " cannot be started: " + words_of(errno));
  pid_t pid = 0;
  if (const int failed = spawn(program, output, errors, pid); failed != 0) {
    const bool missing = failed == ENOENT || failed == EACCES || failed == ENOEXEC || failed == ENOTDIR;
    return Error(missing ? Code::kNotFound : Code::kUnavailable,
                 name + " cannot be started: " + words_of(failed));
  }
  output.in.reset();
  errors.in.reset();
  Child child(pid);
  ProgramEnd end;
  bool over = false;
  bool wordy = false;
  const Duration until = steady_now() + program.timeout;
  bool ended = false;
  while (!ended) {
    ended = child.ended();  // before what it wrote is read for the last time
    std::array<pollfd, 2> ready = {{{output.out.get(), POLLIN, 0}, {errors.out.get(), POLLIN, 0}}};
    if (!ended) (void)::poll(ready.data(), ready.size(), static_cast<int>(kTick.count() / 1000));
    if (output.out.get() >= 0) (void)drain(output.out, end.output, program.output_bytes_max, over);
    if (errors.out.get() >= 0) (void)drain(errors.out, end.errors, program.output_bytes_max, wordy);
    if (over)
      return Error(Code::kUnavailable,
                   name + " wrote more than " + std::to_string(program.output_bytes_max) + " bytes");
    if (!ended && steady_now() >= until)
      return Error(Code::kUnavailable, name + " did not end within " + to_text(program.timeout));
  }
  if (WIFSIGNALED(child.status()))
    return Error(Code::kUnavailable,
                 name + " was ended by signal " + std::to_string(WTERMSIG(child.status())));
  end.status = WEXITSTATUS(child.status());
  return end;
}

}  // namespace postlude::rt
