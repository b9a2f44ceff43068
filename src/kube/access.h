#pragma once
// Access: how a cluster's API server is reached: where it is, whom to trust, and with what credentials.

#include <compare>
#include <string>
#include <vector>

#include "rt/task.h"

namespace postlude::kube {

// What the configuration says of a cluster.
struct Cluster {
  bool in_cluster = false;  // the one that this process runs in
  std::string folder;       // of its service account; "": where Kubernetes puts it
  std::string kubeconfig;   // path
  std::string context;      // of the kubeconfig; "": its current one
  bool insecure = false;    // take whatever certificate there is, if the kubeconfig says so
  auto operator<=>(const Cluster&) const = default;
};

struct Access {
  std::string server;         // URL without a final slash
  std::string token;          // "": none
  std::string ca, cert, key;  // PEM; "": the system's certificates, no client certificate
  bool verify = true;         // the server's certificate
  std::string proxy;          // "": what holds for other targets
};

// What the process finds around itself.
struct Surroundings {
  std::vector<std::string> environment;  // NAME=value; plugins get it
  std::string host, port;                // KUBERNETES_SERVICE_HOST and _PORT
};

// Loop thread only.
class Clusters {
 public:
  virtual ~Clusters() = default;

  // Fresh enough to be used now: files are read again when they change, and every minute. Errors say what is
  // missing and where, and hold no secret:
  //   kInvalid, kNotFound  it will fail again until somebody mends it
  //   kUnavailable         a plugin failed, or took too long
  virtual rt::Task<Result<Access>> reach(Cluster cluster) = 0;

  // The server did not accept the credentials: do not use them again without asking anew.
  virtual void refused(const Cluster& cluster) = 0;
};

}  // namespace postlude::kube
