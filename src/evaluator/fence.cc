#include "evaluator/fence.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <vector>

#include "base/result.h"

namespace postlude::evaluator {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

std::string raise_fence() {
  return "";  // a sanitizer asks the kernel for more than jq does
}

#else

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif

constexpr std::array<const char*, 2> kReadable{"/usr/share/zoneinfo", "/usr/lib/locale"};

constexpr std::array kAllowed{
    // its socket, and what it has open
    SYS_read, SYS_write, SYS_pread64, SYS_lseek, SYS_close, SYS_fstat, SYS_newfstatat, SYS_getdents64,
#ifdef SYS_readlink
    SYS_readlink,
#endif
    SYS_readlinkat,
#ifdef SYS_access
    SYS_access,
#endif
    SYS_faccessat, SYS_statx,
    // memory
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_getrandom,
    // its own bounds, time, and its end; to abort is to signal oneself
    SYS_setitimer, SYS_prlimit64, SYS_getrlimit, SYS_setrlimit, SYS_clock_gettime, SYS_gettimeofday,
    SYS_getpid, SYS_gettid, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn, SYS_restart_syscall,
    SYS_sched_yield, SYS_exit, SYS_exit_group};

constexpr std::uint32_t offset_of_argument(int index) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + static_cast<std::uint32_t>(index) * 8;
}

sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
// Executes the next statement if the loaded value equals `k`, and skips it otherwise.
sock_filter if_equal(std::uint32_t k) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k};
}

Status filter_calls() {
  if (kArchitecture == 0) return Error(Code::kUnavailable, "there is no filter for this processor");
  constexpr int kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr int kReturn = BPF_RET | BPF_K;
  const sock_filter allow = statement(kReturn, SECCOMP_RET_ALLOW);
  const sock_filter deny = statement(kReturn, SECCOMP_RET_ERRNO | EPERM);
  std::vector<sock_filter> program{statement(kLoad, offsetof(seccomp_data, arch)),
                                   {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArchitecture},
                                   statement(kReturn, SECCOMP_RET_KILL_PROCESS),
                                   statement(kLoad, offsetof(seccomp_data, nr))};
  for (const long call : kAllowed) {
    program.push_back(if_equal(static_cast<std::uint32_t>(call)));
    program.push_back(allow);
  }
  // Signals to itself alone; the others' numbers it cannot have.
  const auto self = static_cast<std::uint32_t>(getpid());
  program.insert(program.end(), {{BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_tgkill},
                                 statement(kLoad, offset_of_argument(0)),
                                 if_equal(self),
                                 allow,
                                 deny});
  // Files to be read: which ones is landlock's to say.
  constexpr std::uint32_t kHarmless =
      O_CLOEXEC | O_NONBLOCK | O_DIRECTORY | O_NOCTTY | O_NOFOLLOW | O_LARGEFILE;
  program.insert(program.end(), {{BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_openat},
                                 statement(kLoad, offset_of_argument(2)),
                                 {BPF_JMP | BPF_JSET | BPF_K, 1, 0, ~kHarmless},
                                 allow,
                                 deny});
  program.push_back(deny);
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) != 0)
    return Error(Code::kUnavailable, std::generic_category().message(errno));
  return ok();
}

Status hide_files() {
  landlock_ruleset_attr wanted{};
  wanted.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                             LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
  const long made = syscall(SYS_landlock_create_ruleset, &wanted, sizeof wanted, 0);
  if (made < 0) return Error(Code::kUnavailable, std::generic_category().message(errno));
  const int rules = static_cast<int>(made);
  for (const char* path : kReadable) {
    landlock_path_beneath_attr below{};
    below.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    below.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (below.parent_fd < 0) continue;  // it is not there
    (void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
    close(below.parent_fd);
  }
  const long done = syscall(SYS_landlock_restrict_self, rules, 0);
  const int why = errno;
  close(rules);
  if (done != 0) return Error(Code::kUnavailable, std::generic_category().message(why));
  return ok();
}

}  // namespace

std::string raise_fence() {
  std::string missing;
  const auto note = [&missing](const char* what, const Status& done) {
    if (!done) missing += (missing.empty() ? "" : "; ") + std::string(what) + ": " + done.error().message;
  };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs is refused";
  note("landlock", hide_files());
  note("seccomp", filter_calls());
  return missing;
}

#endif

}  // namespace postlude::evaluator
