#include "app/watch.h"

#include <sys/stat.h>

#include <chrono>
#include <thread>

namespace postlude::app {

namespace {

constexpr auto kQuiet = std::chrono::milliseconds(100);  // for so long nobody wrote: whoever did is done
constexpr int kQuietTries = 20;
constexpr int kReadTries = 5;

void put_file(const std::string& path, std::string& into) {
  struct stat now {};
  into += path;
  if (::stat(path.c_str(), &now) != 0) {
    into += " none\n";
    return;
  }
  into += " " + std::to_string(now.st_dev) + " " + std::to_string(now.st_ino) + " " +
          std::to_string(now.st_mtim.tv_sec) + " " + std::to_string(now.st_mtim.tv_nsec) + " " +
          std::to_string(now.st_size) + "\n";
}

}  // namespace

Version read_version(const std::vector<std::string>& paths, const std::string& connectors) {
  Version version;
  version.loaded = load(paths, connectors, version.problems, &version.read);
  version.print = fingerprint(version.read);
  return version;
}

std::string fingerprint(const std::vector<std::string>& read) {
  std::string all;
  for (const std::string& path : read) {
    struct stat now {};
    if (::stat(path.c_str(), &now) != 0 || !S_ISDIR(now.st_mode)) {
      put_file(path, all);
      continue;
    }
    const auto files = files_of(path);
    all += path + (files ? "/\n" : " " + files.error().message + "\n");
    if (!files) continue;
    for (const std::string& file : *files)
      put_file(file, all);
  }
  return all;
}

ConfigChange read_if_changed(const WatchState& last) {
  std::string now = fingerprint(last.read);
  if (!last.at_once) {
    if (now == last.fingerprint && !last.again) return {nullptr, now};
    for (int i = 0; i < kQuietTries; ++i) {
      std::this_thread::sleep_for(kQuiet);
      std::string later = fingerprint(last.read);
      if (later == now) break;
      now = std::move(later);
    }
  }
  // Files that change while they are read may mix two versions.
  std::vector<std::string> read = last.read;
  ConfigChange change;
  for (int i = 0; i < kReadTries; ++i) {
    const std::string before = fingerprint(read);
    change.version = std::make_shared<Version>(read_version(last.paths, last.connectors));
    change.fingerprint = change.version->print;
    if (change.version->read == read && change.fingerprint == before) break;
    read = change.version->read;
  }
  return change;
}

}  // namespace postlude::app
