#include "kube/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "kube/kubeconfig.h"
#include "rt/aside.h"
#include "rt/program.h"

namespace postlude::kube {
namespace {

constexpr const char* kAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::size_t kFileMax = 1U << 20U;
constexpr Duration kReadAgain = std::chrono::minutes(1);
constexpr Duration kPluginTime = std::chrono::seconds(30);
// Those who wait while a plugin fails do not have it fail again for each of them.
constexpr Duration kFailureKept = std::chrono::seconds(5);
constexpr std::size_t kPluginOutputMax = 256U << 10U;
// A token that is about to expire may expire on its way.
constexpr Duration kExpiresEarly = std::chrono::seconds(30);

// Without blanks and line breaks around it.
std::string_view stripped(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// A file as it was when it was read.
struct Stamp {
  std::string path;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t changed = 0;  // ns
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(const std::string& path) {
  Stamp stamp{path, 0, 0, 0};
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) return stamp;
  stamp.inode = now.st_ino;
  stamp.size = now.st_size;
  stamp.changed = now.st_mtim.tv_sec * 1'000'000'000 + now.st_mtim.tv_nsec;
  return stamp;
}

// What was found, and which files it came from.
struct Found {
  Access access;
  std::vector<Stamp> files;
  std::optional<Kubeconfig> asks;  // its plugin has to be asked
};

// Reads the files of one cluster. Blocks.
class Reading {
 public:
  Reading(const Cluster& cluster, const Surroundings& around) : cluster_(cluster), around_(around) {}

  Result<Found> carry_out() {
    TRY_DONE(cluster_.in_cluster ? in_cluster() : kubeconfig());
    return std::move(found_);
  }

 private:
  Status in_cluster() {
    if (around_.host.empty() || around_.port.empty()) {
      return Error(Code::kNotFound,
                   "`inCluster`: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no "
                   "pod; outside of a cluster use `auth: {kubeconfig: PATH}`");
    }
    const bool v6 = around_.host.find(':') != std::string::npos;
    found_.access.server = "https://" + (v6 ? "[" + around_.host + "]" : around_.host) + ":" + around_.port;
    const std::string folder = cluster_.folder.empty() ? kAccountFolder : cluster_.folder;
    TRY(found_.access.token, token(folder + "/token", "the token of the service account"));
    TRY(found_.access.ca, file(folder + "/ca.crt", "the cluster's CA"));
    return ok();
  }

  Status kubeconfig() {
    TRY(const std::string text, file(cluster_.kubeconfig, "the kubeconfig"));
    TRY(Kubeconfig config, read_kubeconfig(text, cluster_.kubeconfig, cluster_.context));
    Access& access = found_.access;
    access.server = config.server;
    access.proxy = config.proxy;
    const bool plain = config.server.starts_with("http://");
    if ((config.insecure || plain) && !cluster_.insecure) {
      return Error(Code::kInvalid,
                   "the kubeconfig " + cluster_.kubeconfig + ": context '" + config.context + "' " +
                       (plain ? "has a server without TLS" : "has insecure-skip-tls-verify") +
                       ", so whoever is in between could take the credentials: give it "
                       "certificate-authority-data, or say `insecure: true` beside `kubeconfig`");
    }
    access.verify = !config.insecure;
    TRY(access.ca, pem(config.ca, "the cluster's CA"));
    TRY(access.cert, pem(config.cert, "the client certificate"));
    TRY(access.key, pem(config.key, "the client key"));
    access.token = config.token;
    if (!config.token_file.empty()) {  // goes before `token`, as it does for kubectl
      TRY(access.token, token(config.token_file, "the token"));
    }
    if (!one_line(access.token))
      return Error(Code::kInvalid, "the kubeconfig " + cluster_.kubeconfig + ": `token` is not one line");
    if (config.plugin) found_.asks = std::move(config);
    return ok();
  }

  static bool one_line(const std::string& token) {
    return std::none_of(token.begin(), token.end(),
                        [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  }

  Result<std::string> pem(const Pem& from, const std::string& what) {
    if (from.file.empty()) return from.text;
    return file(from.file, what);
  }

  Result<std::string> token(const std::string& path, const std::string& what) {
    TRY(const std::string text, file(path, what));
    std::string result(stripped(text));
    if (result.empty()) return Error(Code::kInvalid, what + " in " + path + " is empty");
    if (!one_line(result)) return Error(Code::kInvalid, what + " in " + path + " is not one line");
    return result;
  }

  Result<std::string> file(const std::string& path, const std::string& what) {
    found_.files.push_back(stamp_of(path));
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
      return Error(Code::kNotFound,
                   what + " in " + path + " cannot be read: " + std::generic_category().message(errno));
    std::string text;
    std::array<char, 8192> buffer;
    ssize_t n = 0;
    while ((n = ::read(fd, buffer.data(), buffer.size())) > 0 && text.size() <= kFileMax)
      text.append(buffer.data(), static_cast<std::size_t>(n));
    const int failed = errno;
    ::close(fd);
    if (n < 0)
      return Error(Code::kNotFound,
                   what + " in " + path + " cannot be read: " + std::generic_category().message(failed));
    if (text.size() > kFileMax) return Error(Code::kInvalid, what + " in " + path + " is larger than 1 MiB");
    return text;
  }

  const Cluster& cluster_;
  const Surroundings& around_;
  Found found_;
};

// Runs a credential plugin. Blocks, for kPluginTime at most.
Result<PluginAnswer> ask_plugin(const Kubeconfig& config, const Access& access, const Surroundings& around) {
  const Plugin& plugin = *config.plugin;
  rt::Program program;
  program.command = plugin.command;
  program.timeout = kPluginTime;
  program.output_bytes_max = kPluginOutputMax;
  const std::string question = "KUBERNETES_EXEC_INFO=" + plugin_question(config, access.ca);
  std::map<std::string, std::string, std::less<>> environment;  // what comes later goes before
  for (const auto* list : {&around.environment, &plugin.environment}) {
    for (const std::string& entry : *list)
      environment[entry.substr(0, entry.find('='))] = entry;
  }
  environment["KUBERNETES_EXEC_INFO"] = question;
  for (auto& [name, entry] : environment)
    program.environment.push_back(std::move(entry));
  const std::string who = "the credential plugin of context '" + config.context + "'";
  const auto end = rt::run_program(program);
  if (!end) {
    const bool hint = end.error().code == Code::kNotFound && !plugin.hint.empty();
    return Error(end.error().code,
                 who + ": " + end.error().message + (hint ? "; " + cut(plugin.hint, 300) : ""));
  }
  if (end->status != 0) {
    // What it writes for people is no secret, but nobody knows how long it is.
    const std::string_view said = stripped(end->errors);
    const std::string_view last = said.substr(said.rfind('\n') + 1);  // npos + 1: all
    return Error(Code::kUnavailable, who + ": " + plugin.command[0] + " ended with status " +
                                         std::to_string(end->status) +
                                         (last.empty() ? "" : ": " + cut(std::string(last), 300)));
  }
  auto answer = read_plugin_answer(end->output, plugin.api_version);
  if (!answer)
    return Error(Code::kUnavailable, who + ": " + plugin.command[0] + ": " + answer.error().message);
  return answer;
}

class Credentials final : public Clusters {
 public:
  Credentials(rt::Loop& loop, Surroundings surroundings)
      : aside_(loop), around_(std::make_shared<const Surroundings>(std::move(surroundings))) {}

  rt::Task<Result<Access>> reach(Cluster cluster) override {
    Known& known = known_[cluster];  // never erased, so it stays where it is
    while (known.busy)
      AWAIT_DONE(
          rt::sleep_for(std::chrono::milliseconds(10)));  // one at a time; bounded by the plugin's time
    if (usable(known)) co_return known.access;
    if (known.failure && rt::steady_now() - known.failed_at < kFailureKept && unchanged(known))
      co_return *known.failure;
    known.busy = true;
    AWAIT(const Result<Access> access, renew(cluster, known));
    known.busy = false;
    co_return access;
  }

  void refused(const Cluster& cluster) override {
    const auto found = known_.find(cluster);
    if (found == known_.end()) return;
    found->second.read_at.reset();
    found->second.answer.reset();
  }

 private:
  struct Known {
    bool busy = false;
    std::optional<Duration> read_at;  // by the steady clock
    std::vector<Stamp> files;
    Access access;  // with what the plugin yielded
    std::optional<PluginAnswer> answer;
    std::optional<Error> failure;  // of the plugin
    Duration failed_at{};
  };

  static bool expired(const PluginAnswer& answer) {
    return answer.expires && rt::wall_now() + kExpiresEarly >= *answer.expires;
  }

  static bool unchanged(const Known& known) {
    return std::all_of(known.files.begin(), known.files.end(),
                       [](const Stamp& stamp) { return stamp_of(stamp.path) == stamp; });
  }

  static bool usable(const Known& known) {
    return known.read_at && rt::steady_now() - *known.read_at < kReadAgain &&
           (!known.answer || !expired(*known.answer)) && unchanged(known);
  }

  // Private: both are names of the coroutine that awaits it.
  rt::Task<Result<Access>> renew(const Cluster& cluster, Known& known) {
    known.read_at.reset();  // what fails leaves nothing that could be used
    std::function<Result<Found>()> read = [cluster, around = around_] {
      return Reading(cluster, *around).carry_out();
    };
    AWAIT_TRY(Result<Found> found, aside_.run<Result<Found>>(std::move(read)));
    if (!found) co_return found.error();
    const bool same = known.files == found->files;
    if (found->asks && (!known.answer || !same || expired(*known.answer))) {
      std::function<Result<PluginAnswer>()> ask = [config = *found->asks, access = found->access,
                                                   around = around_] {
        return ask_plugin(config, access, *around);
      };
      known.answer.reset();
      known.failure.reset();
      known.files = found->files;
      AWAIT_TRY(Result<PluginAnswer> answer, aside_.run<Result<PluginAnswer>>(std::move(ask)));
      if (!answer) {
        known.failure = answer.error();
        known.failed_at = rt::steady_now();
        co_return answer.error();
      }
      known.answer = *std::move(answer);
    } else if (!found->asks) {
      known.answer.reset();
    }
    known.access = std::move(found->access);
    if (known.answer) {
      known.access.token = known.answer->token;
      if (!known.answer->cert.empty()) {
        known.access.cert = known.answer->cert;
        known.access.key = known.answer->key;
      }
    }
    known.files = std::move(found->files);
    known.read_at = rt::steady_now();
    co_return known.access;
  }

  rt::Aside aside_;
  std::shared_ptr<const Surroundings> around_;  // a reading may outlive us
  std::map<Cluster, Known> known_;
};

}  // namespace

std::unique_ptr<Clusters> clusters(rt::Loop& loop, Surroundings surroundings) {
  return std::make_unique<Credentials>(loop, std::move(surroundings));
}

Status look_at(const Cluster& cluster, const Surroundings& surroundings) {
  auto found = Reading(cluster, surroundings).carry_out();
  if (!found) return found.error();
  return ok();
}

}  // namespace postlude::kube
