#pragma once
// Watch: detects changes of the configuration's files and reads them again. Blocking calls, for a thread of
// their own; shares nothing with the loop.

#include <memory>
#include <string>
#include <vector>

#include "app/load.h"

namespace postlude::app {

// The result of reading everything: the paths, the connectors, and the files that they name.
struct Version {
  std::optional<Loaded> loaded;
  lang::Problems problems;
  std::vector<std::string> read;  // all files and folders that were read
  std::string print;              // their fingerprint after reading
};
Version read_version(const std::vector<std::string>& paths, const std::string& connectors);

// Identifies the versions of these files by device, inode, time and size. Follows links, so it notices the
// swap of a mounted ConfigMap and an editor's rename.
std::string fingerprint(const std::vector<std::string>& read);

struct WatchState {
  std::vector<std::string> paths;
  std::string connectors;
  std::vector<std::string> read;  // files of the version before
  std::string fingerprint;        // their fingerprint
  bool at_once = false;           // read even without a change, and do not wait until writers have finished
  bool again = false;             // read even without a change
};
struct ConfigChange {
  std::shared_ptr<Version> version;  // nullptr: nothing changed
  std::string fingerprint;           // of the files that this version read
};
// Takes about two seconds plus the time of reading, and a few times as long while files keep changing.
ConfigChange read_if_changed(const WatchState& last);

}  // namespace postlude::app
