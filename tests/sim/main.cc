// postlude_sim: the engine under drawn faults. One seed is one history; a seed that breaks an invariant
// prints it.
//
//   postlude_sim --seeds 1..10000 --jobs 2      many; ends 1 when one breaks, or when something never
//   happened postlude_sim --seed 4711 --verbose          one, with its whole history

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "base/log.h"
#include "sim/coverage.h"
#include "sim/world.h"

namespace postlude::sim {

namespace {

constexpr std::size_t kShown = 60;  // lines of history

struct Wanted {
  std::uint64_t first = 1, last = 200;
  unsigned jobs = 1;
  bool verbose = false;
};

// What a worker tells, in memory that outlives it.
struct Progress {
  std::uint64_t seed = 0, done = 0, broken = 0;
  bool ended = false;
};

bool number_of(const char* text, std::uint64_t& out) {
  char* end = nullptr;
  out = std::strtoull(text, &end, 10);
  return end != text;
}

bool read_words(int count, char** words, Wanted& wanted) {
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const char* value = i + 1 < count ? words[i + 1] : "";
    std::uint64_t n = 0;
    if (word == "--verbose") {
      wanted.verbose = true;
      continue;
    }
    if (!number_of(value, n)) return false;
    ++i;
    if (word == "--seed") {
      wanted.first = wanted.last = n;
    } else if (word == "--seeds") {
      const char* dots = std::strstr(value, "..");
      wanted.first = n;
      if (dots == nullptr || !number_of(dots + 2, wanted.last)) return false;
    } else if (word == "--jobs" && n >= 1 && n <= 64) {
      wanted.jobs = static_cast<unsigned>(n);
    } else {
      return false;
    }
  }
  return wanted.first <= wanted.last;
}

std::string play(std::uint64_t seed, Tally& tally, bool verbose, std::size_t shown) {
  World world(seed, tally, verbose);
  world.play();
  const auto& history = world.history();
  for (std::size_t i = history.size() > shown ? history.size() - shown : 0; i < history.size(); ++i)
    std::printf("%s\n", history[i].c_str());
  return world.broken();
}

// The same seed again, this time with its history.
void show(std::uint64_t seed, const std::string& broken) {
  Tally unused;
  std::printf("seed %llu breaks invariant %s\nits last history:\n", static_cast<unsigned long long>(seed),
              broken.c_str());
  const std::string again = play(seed, unused, true, kShown);
  if (again != broken) std::printf("the seed did not repeat itself: %s\n", again.c_str());
  std::printf("the whole of it: postlude_sim --seed %llu --verbose\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
}

void work(const Wanted& wanted, unsigned job, Progress& progress, std::FILE* result) {
  Tally tally;
  for (std::uint64_t seed = wanted.first + job; seed <= wanted.last; seed += wanted.jobs) {
    progress.seed = seed;
    const std::string broken = play(seed, tally, false, 0);
    ++progress.done;
    if (broken.empty()) continue;
    progress.broken = seed;
    show(seed, broken);
    break;
  }
  for (const auto& [what, times] : tally.counts())
    std::fprintf(result, "%llu %s\n", static_cast<unsigned long long>(times), what.c_str());
  std::fflush(result);
  progress.ended = true;
}

void read_tally(std::FILE* result, Tally& tally) {
  std::rewind(result);
  char line[512];
  while (std::fgets(line, sizeof line, result) != nullptr) {
    char* what = nullptr;
    const std::uint64_t times = std::strtoull(line, &what, 10);
    std::string name(what + 1);
    while (!name.empty() && name.back() == '\n')
      name.pop_back();
    tally.met(name, times);
  }
}

// The product's log; who dies is shown again.
void be_quiet() {
  if (std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
}

// Plays a seed that ends its process once more, and shows how far it came.
void show_death(std::uint64_t seed) {
  std::FILE* out = std::tmpfile();
  if (out == nullptr) return;
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(fileno(out), STDOUT_FILENO);
    World::tell_at_once();
    Tally unused;
    (void)play(seed, unused, true, 0);
    std::_Exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  std::rewind(out);
  std::deque<std::string> last;
  char line[1'024];
  while (std::fgets(line, sizeof line, out) != nullptr) {
    last.emplace_back(line);
    if (last.size() > kShown) last.pop_front();
  }
  std::fclose(out);
  for (const std::string& l : last)
    std::printf("%s", l.c_str());
}

// False: a seed broke, or took its process with it.
bool play_all(const Wanted& wanted, Tally& tally) {
  void* shared = mmap(nullptr, sizeof(Progress) * wanted.jobs, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return false;
  auto* progress = static_cast<Progress*>(shared);
  std::vector<std::FILE*> results;
  std::vector<pid_t> workers;
  for (unsigned job = 0; job < wanted.jobs; ++job) {
    progress[job] = Progress();
    results.push_back(std::tmpfile());
    if (results.back() == nullptr) return false;
    const pid_t pid = fork();
    if (pid == 0) {
      be_quiet();
      work(wanted, job, progress[job], results[job]);
      std::_Exit(0);
    }
    workers.push_back(pid);
  }
  bool well = true;
  std::uint64_t done = 0;
  for (unsigned job = 0; job < wanted.jobs; ++job) {
    int status = 0;
    waitpid(workers[job], &status, 0);
    done += progress[job].done;
    if (!progress[job].ended) {
      std::printf("seed %llu ended its process (%s %d): a CHECK, a crash or a sanitizer; see above\n",
                  static_cast<unsigned long long>(progress[job].seed),
                  WIFSIGNALED(status) ? "signal" : "exit",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
      show_death(progress[job].seed);
      well = false;
    }
    if (progress[job].broken != 0) well = false;
    read_tally(results[job], tally);
    std::fclose(results[job]);
  }
  std::printf("%llu seeds played\n", static_cast<unsigned long long>(done));
  munmap(shared, sizeof(Progress) * wanted.jobs);
  return well;
}

int run(const Wanted& wanted) {
  log::configure(log::Format::kLogfmt, log::Level::kError);
  Tally tally;
  if (wanted.first == wanted.last) {
    if (wanted.verbose) World::tell_at_once();
    const std::string broken = play(wanted.first, tally, wanted.verbose, ~std::size_t(0));
    if (!broken.empty()) std::printf("broken: invariant %s\n", broken.c_str());
    if (broken.empty()) std::printf("all invariants hold\n");
    return broken.empty() ? 0 : 1;
  }
  const auto began = std::chrono::steady_clock::now();
  const bool well = play_all(wanted, tally);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  for (const auto& [what, times] : tally.counts())
    std::printf("  %10llu %s\n", static_cast<unsigned long long>(times), what.c_str());
  bool alive = true;
  if (well && wanted.last - wanted.first >= 2'999) {
    for (const char* what : kMustBeMet) {
      if (tally.count(what) > 0) continue;
      std::printf("never met: %s\n", what);
      alive = false;
    }
  }
  std::printf("%s; %.1f s\n",
              !well    ? "BROKEN"
              : !alive ? "something never happened"
                       : "all invariants hold",
              took.count());
  return well && alive ? 0 : 1;
}

}  // namespace

}  // namespace postlude::sim

int main(int count, char** words) {
  postlude::sim::Wanted wanted;
  if (!postlude::sim::read_words(count, words, wanted)) {
    std::fprintf(stderr, "postlude_sim --seeds FROM..TO [--jobs N] | --seed N [--verbose]\n");
    return 2;
  }
  return postlude::sim::run(wanted);
}
