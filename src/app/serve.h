#pragma once
// Serve: the daemon: builds all parts and shuts them down in order.

#include <string>
#include <vector>

namespace postlude::app {

struct ServeOptions {
  std::vector<std::string> config;  // files and folders
  std::string connectors;           // a folder of connector files that replace built-in ones; "": none
  bool durable = true;              // false: for the benchmark that measures the cost of syncing
  std::string port_file;            // gets the ports once it listens, as `listen=8080\nadmin=8081\n`
};

// Runs until SIGTERM or SIGINT. Returns the process' exit status: 0, or 1 if it could not start (reported on
// standard error).
int serve(const ServeOptions& options);

}  // namespace postlude::app
