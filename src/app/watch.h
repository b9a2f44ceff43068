#pragma once
// Watch: sees when what the configuration was read from has changed, and reads it again. Blocking calls, for
// a thread of their own; nothing here is shared with the loop.

#include <memory>
#include <string>
#include <vector>

#include "app/load.h"

namespace postlude::app {

// One reading of everything: paths, connectors, and what they name.
struct Version {
  std::optional<Loaded> loaded;
  lang::Problems problems;
  std::vector<std::string> read;  // the files and folders on which all this depends
  std::string print;              // their fingerprint, once they were read
};
Version read_version(const std::vector<std::string>& paths, const std::string& connectors);

// Which files there are, and what tells an old one from a new one: device, inode, time, size. Links are
// followed, so the swap of a mounted ConfigMap is seen, as is an editor's rename.
std::string fingerprint(const std::vector<std::string>& read);

struct Look {
  std::vector<std::string> paths;
  std::string connectors;
  std::vector<std::string> read;  // by the version before
  std::string fingerprint;        // of these, then
  bool at_once = false;  // whether or not anything changed, and without waiting until writers are done
  bool again = false;    // whether or not anything changed
};
struct Seen {
  std::shared_ptr<Version> version;  // nullptr: nothing changed
  std::string fingerprint;           // of what this version read
};
// Bounded: about two seconds and the time that reading takes, a few times over while files keep changing.
Seen look(const Look& last);

}  // namespace postlude::app
