#include "rt/thread.h"

#include <pthread.h>

#include <csignal>
#include <system_error>

namespace postlude::rt {

Result<std::thread> start_thread(const char* name, std::function<void()> work) {
  sigset_t all{};
  sigset_t before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are the main thread's
  std::thread thread;
  std::string why;
  try {
    thread = std::thread(std::move(work));
  } catch (const std::exception& e) {
    why = e.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!why.empty()) {
    return Error(Code::kUnavailable, "the thread '" + std::string(name) + "' cannot be started: " + why +
                                         " (a limit on processes and threads, as ulimit -u or pids.max?)");
  }
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace postlude::rt
