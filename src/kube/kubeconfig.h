#pragma once
// Kubeconfig: what a file for kubectl says about one of its contexts; and what credential plugins are asked
// and answer. Reads texts only.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace postlude::kube {

// A certificate or a key: its PEM text, or the path of the file that has it; "" and "": none.
struct Pem {
  std::string text, file;
};

// A program that yields credentials (client-go's "exec").
struct Plugin {
  std::vector<std::string> command;
  std::vector<std::string> environment;  // NAME=value, beside our own
  std::string api_version;
  std::string hint;           // how it is installed
  bool tell_cluster = false;  // it wants to know which cluster it is for
};

struct Kubeconfig {
  std::string context;  // the one that was read
  std::string server;   // URL without a final slash
  std::string proxy;
  Pem ca;
  bool insecure = false;  // insecure-skip-tls-verify
  std::string token, token_file;
  Pem cert, key;
  std::optional<Plugin> plugin;
};

// `context`: "": the current one. Paths in it are relative to the folder of `path`. kInvalid: the message
// names the file and what is wrong, and quotes no value that may be a secret.
Result<Kubeconfig> read_kubeconfig(const std::string& text, const std::string& path,
                                   const std::string& context);

struct PluginAnswer {
  std::string token, cert, key;
  std::optional<Instant> expires;
};
Result<PluginAnswer> read_plugin_answer(std::string_view text, const std::string& api_version);

// KUBERNETES_EXEC_INFO, from which a plugin knows what is wanted. `ca`: PEM.
std::string plugin_question(const Kubeconfig& config, const std::string& ca);

}  // namespace postlude::kube
