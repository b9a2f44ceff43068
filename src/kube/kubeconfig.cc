#include "kube/kubeconfig.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "lang/yaml.h"

namespace postlude::kube {
namespace {

using lang::Node;

// What is wrong is said of the file, and of what in it.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {
    const std::size_t slash = path.rfind('/');
    folder_ = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  }

  Error wrong(const std::string& what) const {
    return {Code::kInvalid, "the kubeconfig " + path_ + ": " + what};
  }

  // The member `inner` of the entry with that name in the list `outer`.
  Result<const Node*> named(const Node& root, const std::string& outer, const std::string& inner,
                            const std::string& name) const {
    const Node* list = root.find(outer);
    const std::vector<Node> none;
    std::vector<std::string> known;
    for (const Node& item : list != nullptr && list->is_list() ? list->items : none) {
      known.emplace_back(item.text("name"));
      if (known.back() != name) continue;
      const Node* found = item.find(inner);
      if (found == nullptr || !found->is_map())
        return wrong("`" + outer + "` has '" + name + "' without `" + inner + "`");
      return found;
    }
    return wrong("there is no '" + name + "' in `" + outer + "`" +
                 (known.empty() ? "" : "; it has: " + join(known, ", ")));
  }

  std::string near(std::string_view file) const {
    return file.empty() || file[0] == '/' ? std::string(file) : folder_ + std::string(file);
  }

  // `NAME-data` goes before the file NAME.
  Result<Pem> pem(const Node& map, const std::string& name) const {
    Pem result;
    const std::string_view data = map.text(name + "-data");
    if (data.empty()) {
      result.file = near(map.text(name));
      return result;
    }
    const std::optional<std::string> text = from_base64(data);
    if (!text) return wrong("`" + name + "-data` is not base64");
    result.text = *text;
    return result;
  }

  Result<std::string> current(const Node& root, const std::string& context) const {
    if (!context.empty()) return context;
    const std::string current(root.text("current-context"));
    if (current.empty()) return wrong("it has no `current-context`; name one, as `context: NAME` beside it");
    return current;
  }

  Status read_cluster(const Node& cluster, Kubeconfig& into) const {
    into.server = cluster.text("server");
    while (into.server.ends_with('/'))
      into.server.pop_back();
    if (!into.server.starts_with("https://") && !into.server.starts_with("http://"))
      return wrong("the cluster of context '" + into.context + "' has no `server` that is a URL");
    if (!cluster.text("tls-server-name").empty())
      return wrong("`tls-server-name` is not supported: let `server` have the name of its certificate");
    into.insecure = cluster.text("insecure-skip-tls-verify") == "true";
    into.proxy = cluster.text("proxy-url");
    TRY(into.ca, pem(cluster, "certificate-authority"));
    return ok();
  }

  Status read_user(const Node& user, Kubeconfig& into) const {
    for (const char* key : {"auth-provider", "username", "as"}) {
      if (user.find(key) == nullptr) continue;
      return wrong(
          "`" + std::string(key) + "` of the user of context '" + into.context +
          "' is not supported; it may have: token, tokenFile, client-certificate and client-key, exec");
    }
    into.token = user.text("token");
    into.token_file = near(user.text("tokenFile"));
    TRY(into.cert, pem(user, "client-certificate"));
    TRY(into.key, pem(user, "client-key"));
    const bool cert = !into.cert.text.empty() || !into.cert.file.empty();
    const bool key = !into.key.text.empty() || !into.key.file.empty();
    if (cert != key) return wrong("`client-certificate` and `client-key` go together, and one is missing");
    if (const Node* exec = user.find("exec")) TRY_DONE(read_plugin(*exec, into));
    if (!cert && into.token.empty() && into.token_file.empty() && !into.plugin)
      return wrong("the user of context '" + into.context + "' has no credentials");
    return ok();
  }

 private:
  Status read_plugin(const Node& exec, Kubeconfig& into) const {
    Plugin plugin;
    std::string command(exec.text("command"));
    if (command.empty()) return wrong("`exec` has no `command`");
    plugin.command.push_back(command.find('/') == std::string::npos ? command : near(command));
    for (const Node& item : list_of(exec, "args"))
      plugin.command.push_back(item.scalar);
    for (const Node& item : list_of(exec, "env"))
      plugin.environment.push_back(std::string(item.text("name")) + "=" + std::string(item.text("value")));
    plugin.api_version = exec.text("apiVersion");
    if (plugin.api_version != "client.authentication.k8s.io/v1" &&
        plugin.api_version != "client.authentication.k8s.io/v1beta1") {
      return wrong("`exec` has the apiVersion '" + plugin.api_version +
                   "'; supported: client.authentication.k8s.io/v1 and v1beta1");
    }
    if (exec.text("interactiveMode") == "Always")
      return wrong("the plugin " + command + " wants to ask a person (`interactiveMode: Always`)");
    plugin.hint = exec.text("installHint");
    plugin.tell_cluster = exec.text("provideClusterInfo") == "true";
    into.plugin = std::move(plugin);
    return ok();
  }

  static std::vector<Node> list_of(const Node& map, std::string_view key) {
    const Node* list = map.find(key);
    return list != nullptr && list->is_list() ? list->items : std::vector<Node>();
  }

  const std::string& path_;
  std::string folder_;
};

}  // namespace

Result<Kubeconfig> read_kubeconfig(const std::string& text, const std::string& path,
                                   const std::string& context) {
  const Reader reader(path);
  lang::Problems problems;
  const std::optional<Node> root = lang::read_yaml(text, path, problems);
  for (const lang::Problem& problem : problems) {
    // Its words may quote a value, and the value may be a secret.
    if (!problem.warning)
      return reader.wrong("it cannot be read as YAML, line " + std::to_string(problem.place.line));
  }
  if (!root || !root->is_map()) return reader.wrong("it is no map with `clusters`, `users` and `contexts`");
  Kubeconfig result;
  TRY(result.context, reader.current(*root, context));
  TRY(const Node* chosen, reader.named(*root, "contexts", "context", result.context));
  TRY(const Node* cluster, reader.named(*root, "clusters", "cluster", std::string(chosen->text("cluster"))));
  TRY_DONE(reader.read_cluster(*cluster, result));
  TRY(const Node* user, reader.named(*root, "users", "user", std::string(chosen->text("user"))));
  TRY_DONE(reader.read_user(*user, result));
  return result;
}

Result<PluginAnswer> read_plugin_answer(std::string_view text, const std::string& api_version) {
  const auto wrong = [](const std::string& what) { return Error(Code::kInvalid, what); };
  const Result<json::value> answer = parse_json(text);
  if (!answer || !answer->is_object()) return wrong("what it wrote is not JSON");
  if (find_text(*answer, "kind") != "ExecCredential") return wrong("what it wrote is no ExecCredential");
  if (find_text(*answer, "apiVersion") != api_version)
    return wrong("it answered for another apiVersion than " + api_version);
  const json::value* status = find(*answer, "status");
  if (status == nullptr || !status->is_object()) return wrong("its answer has no `status`");
  PluginAnswer result;
  result.token = find_text(*status, "token");
  result.cert = find_text(*status, "clientCertificateData");
  result.key = find_text(*status, "clientKeyData");
  if (result.cert.empty() != result.key.empty())
    return wrong("its answer has one of clientCertificateData and clientKeyData");
  if (result.token.empty() && result.cert.empty()) return wrong("its answer has no token and no certificate");
  const std::string_view expires = find_text(*status, "expirationTimestamp");
  if (expires.empty()) return result;
  const Result<Instant> at = parse_rfc3339(expires);
  if (!at) return wrong("its expirationTimestamp is no time");
  result.expires = *at;
  return result;
}

std::string plugin_question(const Kubeconfig& config, const std::string& ca) {
  json::object spec{{"interactive", false}};
  if (config.plugin->tell_cluster) {
    json::object cluster{{"server", config.server}};
    if (config.insecure) cluster["insecure-skip-tls-verify"] = true;
    if (!ca.empty()) cluster["certificate-authority-data"] = to_base64(ca);
    if (!config.proxy.empty()) cluster["proxy-url"] = config.proxy;
    spec["cluster"] = std::move(cluster);
  }
  return to_text(json::object{
      {"apiVersion", config.plugin->api_version}, {"kind", "ExecCredential"}, {"spec", std::move(spec)}});
}

}  // namespace postlude::kube
