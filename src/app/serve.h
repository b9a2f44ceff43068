#pragma once
// Serve: the daemon: construction, the order of stopping, and nothing else.

#include <string>
#include <vector>

namespace postlude::app {

struct ServeOptions {
  std::vector<std::string> config;  // files and folders
  std::string connectors;           // a folder of connector files that override those of the binary; "": none
  bool durable = true;              // false: the benchmark that measures what the sync costs
  std::string port_file;  // the ports are written there once it listens, as `listen=8080\nadmin=8081\n`
};

// Runs until SIGTERM or SIGINT. The process' exit status: 0, or 1 when it could not start (said on standard
// error).
int serve(const ServeOptions& options);

}  // namespace postlude::app
