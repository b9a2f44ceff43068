#include "connector/target.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "connector/http_form.h"
#include "connector/sign.h"
#include "connector/written.h"
#include "lang/secrets.h"

namespace postlude::connector {
namespace {

struct KindName {
  Auth::Kind kind;
  std::string_view name;
};
constexpr std::array<KindName, 9> kKinds = {{
    {Auth::Kind::kNone, "none"},
    {Auth::Kind::kBearer, "bearer"},
    {Auth::Kind::kBasic, "basic"},
    {Auth::Kind::kHeader, "header"},
    {Auth::Kind::kQuery, "query"},
    {Auth::Kind::kBody, "body"},
    {Auth::Kind::kUrl, "url"},
    {Auth::Kind::kInCluster, "inCluster"},
    {Auth::Kind::kKubeconfig, "kubeconfig"},
}};
const std::vector<std::string> kAuthWords = {"none", "bearer", "basic",     "header",    "query",
                                             "body", "url",    "inCluster", "kubeconfig"};
const std::vector<std::string> kTargetKeys = {"connector", "url",    "auth",    "headers",
                                              "proxy",     "tls",    "timeout", "maxResponse",
                                              "edition",   "limits", "site"};

void problem(lang::Problems& problems, const lang::Place& place, std::string message) {
  problems.push_back({place, std::move(message), false});
}

void unknown_keys(const lang::Node& map, const std::vector<std::string>& known, std::string_view what,
                  lang::Problems& problems) {
  for (const auto& [key, value] : map.members) {
    if (std::find(known.begin(), known.end(), key.scalar) != known.end()) continue;
    const std::string near = nearest(key.scalar, known);
    problem(problems, key.place,
            "unknown key `" + key.scalar + "` in " + std::string(what) +
                (near.empty() ? "; it may have: " + join(known, ", ") : "; did you mean `" + near + "`?"));
  }
}

// The words of an `auth` block that a later build understands.
bool not_built(std::string_view word) {
  return word == "oauth2" || word == "githubApp" || word == "sigv4";
}

void read_named(const lang::Node& auth, const lang::Node& name, Auth& into, lang::Problems& problems) {
  unknown_keys(auth, {std::string(kind_name(into.kind)), "secret", "sign"}, "`auth`", problems);
  if (!name.is_scalar() || name.scalar.empty()) {
    problem(problems, name.place, "`" + std::string(kind_name(into.kind)) + "` needs the name of the field");
  }
  into.name = name.scalar;
  // Credentials may have any header but the connection's.
  if (into.kind == Auth::Kind::kHeader && !into.name.empty() && !names_credentials(into.name)) {
    const std::string objection = header_objection(into.name);
    if (!objection.empty()) problem(problems, name.place, objection);
  }
  const lang::Node* secret = auth.find("secret");
  if (secret == nullptr) {
    problem(problems, auth.place, "`auth` needs `secret: {env: NAME}` or `secret: {file: PATH}`");
  } else {
    into.secrets = lang::read_secrets(*secret, problems);
  }
}

void read_basic(const lang::Node& basic, Auth& into, lang::Problems& problems) {
  if (!basic.is_map()) {
    problem(problems, basic.place, "`basic` must be a map: {username, password}");
    return;
  }
  unknown_keys(basic, {"username", "password"}, "`basic`", problems);
  into.name = basic.text("username");
  const lang::Node* password = basic.find("password");
  if (into.name.empty() || into.name.find(':') != std::string::npos) {
    problem(problems, basic.place, "`basic` needs a `username` without a colon");
  }
  if (password == nullptr) {
    problem(problems, basic.place, "`basic` needs `password: {env: NAME}` or `password: {file: PATH}`");
  } else {
    into.secrets = lang::read_secrets(*password, problems);
  }
}

// {inCluster: true, folder: PATH}, {kubeconfig: PATH, context: NAME, insecure: true}. false: it is neither.
bool read_cluster(const lang::Node& auth, Auth& into, lang::Problems& problems) {
  if (const lang::Node* inside = auth.find("inCluster")) {
    into.kind = Auth::Kind::kInCluster;
    unknown_keys(auth, {"inCluster", "folder"}, "`auth`", problems);
    if (inside->scalar != "true") problem(problems, inside->place, "`inCluster` can only be true");
    into.file = auth.text("folder");
    return true;
  }
  const lang::Node* config = auth.find("kubeconfig");
  if (config == nullptr) return false;
  into.kind = Auth::Kind::kKubeconfig;
  unknown_keys(auth, {"kubeconfig", "context", "insecure"}, "`auth`", problems);
  if (!config->is_scalar() || config->scalar.empty())
    problem(problems, config->place, "`kubeconfig` needs the path of a file");
  into.file = config->scalar;
  into.name = auth.text("context");
  if (const lang::Node* insecure = auth.find("insecure")) {
    into.insecure = insecure->scalar == "true";
    if (!into.insecure && insecure->scalar != "false")
      problem(problems, insecure->place, "`insecure` is true or false");
  }
  return true;
}

Auth read_auth(const lang::Node& auth, lang::Problems& problems) {
  Auth result;
  if (auth.is_scalar()) {
    if (auth.scalar != "none") {
      problem(problems, auth.place,
              "`auth: " + auth.scalar + "` is unknown; valid: " + join(kAuthWords, ", "));
    }
    return result;
  }
  if (!auth.is_map() || auth.members.empty()) {
    problem(problems, auth.place, "`auth` must be one of: " + join(kAuthWords, ", "));
    return result;
  }
  for (const auto& [key, value] : auth.members) {
    if (not_built(key.scalar)) {
      problem(problems, key.place, "`" + key.scalar + "` in `auth` is not built yet");
      return result;
    }
  }
  if (const lang::Node* sign = auth.find("sign")) {
    result.sign = lang::read_secrets(*sign, problems);
    if (auth.members.size() == 1) return result;
  }
  const std::size_t first = auth.members.front().first.scalar == "sign" ? 1 : 0;  // the order is the writer's
  const lang::Node& key = auth.members[first].first;
  const lang::Node& value = auth.members[first].second;
  const auto* known =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& k) { return k.name == key.scalar; });
  if (known == kKinds.end()) {
    // {secret: …, header: …}: the order is the writer's.
    if (read_cluster(auth, result, problems)) return result;
    for (const char* word : {"header", "query", "body"}) {
      if (const lang::Node* name = auth.find(word)) {
        result.kind = word[0] == 'h'   ? Auth::Kind::kHeader
                      : word[0] == 'q' ? Auth::Kind::kQuery
                                       : Auth::Kind::kBody;
        read_named(auth, *name, result, problems);
        return result;
      }
    }
    const std::string near = nearest(key.scalar, kAuthWords);
    problem(problems, key.place,
            "unknown kind of auth `" + key.scalar + "`" +
                (near.empty() ? "; valid: " + join(kAuthWords, ", ") : "; did you mean `" + near + "`?"));
    return result;
  }
  result.kind = known->kind;
  switch (result.kind) {
    case Auth::Kind::kNone:
      break;
    case Auth::Kind::kHeader:
    case Auth::Kind::kQuery:
    case Auth::Kind::kBody:
      read_named(auth, value, result, problems);
      return result;
    case Auth::Kind::kBasic:
      read_basic(value, result, problems);
      break;
    case Auth::Kind::kBearer:
    case Auth::Kind::kUrl:
      result.secrets = lang::read_secrets(value, problems);
      break;
    case Auth::Kind::kInCluster:
    case Auth::Kind::kKubeconfig:
      read_cluster(auth, result, problems);
      return result;
  }
  unknown_keys(auth, {key.scalar, "sign"}, "`auth`", problems);
  return result;
}

template <class T>
void read_value(const lang::Node& map, std::string_view key, Result<T> (*parse)(std::string_view), T& into,
                lang::Problems& problems) {
  const lang::Node* node = map.find(key);
  if (node == nullptr) return;
  Result<T> value = parse(node->scalar);
  if (value) {
    into = *value;
  } else {
    problem(problems, node->place, "`" + std::string(key) + "`: " + value.error().message);
  }
}

Result<Rate> positive_rate(std::string_view text) {
  TRY(const Rate rate, parse_rate(text));
  if (rate.count == 0) return Error(Code::kInvalid, "a rate of 0 would send nothing");
  return rate;
}

Result<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t count = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || count > 100'000)
      return Error(Code::kInvalid, "must be a whole number from 1 to 1000");
    count = count * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (count < 1 || count > 1000) return Error(Code::kInvalid, "must be a whole number from 1 to 1000");
  return count;
}

void read_limits(const lang::Node& limits, Limits& into, lang::Problems& problems) {
  unknown_keys(limits, {"concurrency", "rate"}, "`limits`", problems);
  std::uint64_t concurrency = into.concurrency;
  read_value<std::uint64_t>(limits, "concurrency", parse_count, concurrency, problems);
  into.concurrency = static_cast<std::size_t>(concurrency);
  if (limits.find("rate") != nullptr) {
    Rate rate;
    read_value<Rate>(limits, "rate", positive_rate, rate, problems);
    if (rate.count > 0) into.rate = rate;
  }
}

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void read_headers(const lang::Node& headers, Target& target, lang::Problems& problems) {
  for (const auto& [key, value] : headers.members) {
    const std::string objection = header_objection(key.scalar);
    if (!objection.empty()) {
      problem(problems, key.place, objection);
    } else if (!value.is_scalar() || std::any_of(value.scalar.begin(), value.scalar.end(), control)) {
      problem(problems, value.place, "the value of header `" + key.scalar + "` must be one line of text");
    } else if (value.scalar.find("${{") != std::string::npos) {
      problem(problems, value.place,
              "a target's headers are the same for all its requests: no expression is evaluated here; "
              "write it in a step's `with.headers`");
    } else {
      target.headers.set(key.scalar, value.scalar);
    }
  }
}

void read_tls(const lang::Node& tls, Target& target, lang::Problems& problems) {
  unknown_keys(tls, {"ca", "cert", "key", "mode"}, "`tls`", problems);
  target.ca_file = tls.text("ca");
  target.cert_file = tls.text("cert");
  target.key_file = tls.text("key");
  target.tls_mode = tls.text("mode");
  if (target.cert_file.empty() != target.key_file.empty()) {
    problem(problems, tls.place, "`tls` wants `cert` and `key` together");
  }
}

void read_url(const lang::Node& node, Target& target, lang::Problems& problems) {
  const lang::Node* url = node.find("url");
  if (url == nullptr) return;
  if (target.auth.kind == Auth::Kind::kUrl) {
    problem(problems, url->place, "`auth: {url: …}` stands instead of `url`; give one of them");
    return;
  }
  if (of_cluster(target.auth)) {
    problem(problems, url->place,
            "`auth: {" + std::string(kind_name(target.auth.kind)) +
                ": …}` says where the API server is; leave `url` out");
    return;
  }
  const Kind& kind =
      written(target.connector) != nullptr ? kind_of_connector(target.connector) : kind_of_url(url->scalar);
  const Status read = kind.read_url(url->scalar, target.url);
  if (!read) problem(problems, url->place, read.error().message);
}

Target read_target(const std::string& name, const lang::Node& node, lang::Problems& problems) {
  Target target;
  target.name = name;
  target.place = node.place;
  if (!node.is_map()) {
    problem(problems, node.place, "target `" + name + "` must be a map with `connector`, `url`, `auth`");
    return target;
  }
  unknown_keys(node, kTargetKeys, "target `" + name + "`", problems);
  target.connector = node.text("connector");
  if (target.connector.empty()) problem(problems, node.place, "target `" + name + "` needs `connector`");
  if (const lang::Node* auth = node.find("auth")) target.auth = read_auth(*auth, problems);
  read_url(node, target, problems);
  if (const lang::Node* headers = node.find("headers")) read_headers(*headers, target, problems);
  if (const lang::Node* tls = node.find("tls")) read_tls(*tls, target, problems);
  if (const lang::Node* proxy = node.find("proxy")) {
    const Result<Url> parsed = parse_url(proxy->scalar);
    target.without_proxy = proxy->scalar == "none";
    if (target.without_proxy) {
      target.proxy.clear();
    } else if (parsed || proxy->scalar.starts_with("socks5")) {
      target.proxy = proxy->scalar;
    } else {
      problem(problems, proxy->place, "`proxy`: " + parsed.error().message);
    }
  }
  read_value<Duration>(node, "timeout", parse_duration, target.timeout, problems);
  if (target.timeout <= Duration::zero()) {
    problem(problems, node.find("timeout")->place, "`timeout` must be more than nothing");
  }
  std::uint64_t size = target.response_bytes_max;
  read_value<std::uint64_t>(node, "maxResponse", parse_size, size, problems);
  target.response_bytes_max = static_cast<std::size_t>(size);
  if (size == 0)
    problem(problems, node.find("maxResponse")->place, "`maxResponse` must be more than nothing");
  target.edition = node.text("edition");
  if (const lang::Node* site = node.find("site")) {
    const Result<Url> read = parse_url(site->scalar);
    if (!read) problem(problems, site->place, "`site`: " + read.error().message);
    target.site = site->scalar;
    while (target.site.ends_with('/'))
      target.site.pop_back();
  }
  if (const lang::Node* limits = node.find("limits")) read_limits(*limits, target.limits, problems);
  return target;
}

Status add_to_body(HttpRequest& request, const std::string& field, const std::string& secret) {
  const std::string_view type = request.headers.get("content-type");
  if (type.find("x-www-form-urlencoded") != std::string_view::npos) {
    if (!request.body.empty()) request.body += '&';
    request.body += percent_encode(field) + "=" + percent_encode(secret);
    return ok();
  }
  const bool json_body = request.body.empty() || type.find("json") != std::string_view::npos;
  Result<json::value> body = request.body.empty() ? json::value(json::object()) : parse_json(request.body);
  if (!json_body || !body || !body->is_object()) {
    return Error(Code::kInvalid, "auth in the body needs a form or a JSON object as body");
  }
  body->get_object()[field] = secret;
  request.body = to_text(*body);
  if (type.empty()) request.headers.set("Content-Type", "application/json");
  return ok();
}

}  // namespace

Result<Url> secret_url(const Target& target, const std::string& secret) {
  auto url = parse_url(secret);
  if (url) return url;
  const std::string& why = url.error().message;
  // What quotes a part of it is not told: it is a secret.
  const bool quotes = why.find('`') != std::string::npos;
  return Error(Code::kInvalid, "target '" + target.name + "': the secret in " +
                                   to_text(target.auth.secrets.front()) +
                                   " is no URL: " + (quotes ? "its host or port cannot be read" : why));
}

namespace {

Status add_url(HttpRequest& request, const Target& target, const std::string& secret) {
  if (!request.target.starts_with(kSecretUrl))
    return Error(Code::kInvalid, "the request names a URL of its own");
  TRY(const Url url, secret_url(target, secret));
  std::string rest = request.target.substr(kSecretUrl.size());
  if (!url.query.empty()) {
    // The secret's query stays its own; what the action adds to the path goes before it.
    const std::size_t question = rest.find('?');
    const std::string path = rest.substr(0, question);
    const std::string more = question == std::string::npos ? "" : "&" + rest.substr(question + 1);
    request.target = url.origin() + url.path + path + "?" + url.query + more;
  } else {
    request.target = secret + rest;
  }
  return ok();
}

}  // namespace

std::string_view kind_name(Auth::Kind kind) {
  const auto* known =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const KindName& k) { return k.kind == kind; });
  return known == kKinds.end() ? "" : known->name;
}

std::vector<Target> read_targets(const lang::Node* targets, lang::Problems& problems) {
  std::vector<Target> result;
  if (targets == nullptr || targets->is_null()) return result;
  if (!targets->is_map()) {
    problem(problems, targets->place, "`targets` must be a map of names to targets");
    return result;
  }
  for (const auto& [key, value] : targets->members) {
    if (key.scalar.empty() || key.scalar.find('/') != std::string::npos) {
      problem(problems, key.place,
              "`" + key.scalar + "` cannot be the name of a target: steps use it as TARGET/ACTION");
    }
    result.push_back(read_target(key.scalar, value, problems));
  }
  return result;
}

std::vector<SecretRef> Auth::all_secrets() const {
  std::vector<SecretRef> all = secrets;
  all.insert(all.end(), sign.begin(), sign.end());
  return all;
}

namespace {

// The first of these secrets, as it can be sent.
Result<std::string> read_secret(const std::vector<SecretRef>& refs, const Target& target,
                                const SecretLookup& lookup) {
  if (refs.empty()) return Error(Code::kInvalid, "target " + target.name + " names no secret");
  Result<std::string> found = lookup(refs.front());
  if (!found) return Error(found.error().code, "target '" + target.name + "': " + found.error().message);
  if (found->empty() || std::any_of(found->begin(), found->end(), control)) {
    return Error(Code::kInvalid,
                 "the secret of target " + target.name + " is empty or not one line: " + refs.front().name);
  }
  return found;
}

Status add_cluster(HttpRequest& request, const Target& target, const SecretLookup& lookup) {
  if (!request.target.starts_with(kClusterUrl))
    return Error(Code::kInvalid, "the request names a URL of its own");
  request.target.replace(0, kClusterUrl.size(), target.url);
  TRY(const std::string token, lookup(SecretRef()));
  if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
  return ok();
}

Status add_secret(HttpRequest& request, const Target& target, const std::string& secret) {
  const Auth& auth = target.auth;
  switch (auth.kind) {
    case Auth::Kind::kNone:
    case Auth::Kind::kInCluster:
    case Auth::Kind::kKubeconfig:
      break;
    case Auth::Kind::kBearer:
      request.headers.set("Authorization", "Bearer " + secret);
      break;
    case Auth::Kind::kBasic:
      request.headers.set("Authorization", "Basic " + to_base64(auth.name + ":" + secret));
      break;
    case Auth::Kind::kHeader:
      request.headers.set(auth.name, secret);
      break;
    case Auth::Kind::kQuery:
      request.target += request.target.find('?') == std::string::npos ? '?' : '&';
      request.target += percent_encode(auth.name) + "=" + percent_encode(secret);
      break;
    case Auth::Kind::kBody:
      return add_to_body(request, auth.name, secret);
    case Auth::Kind::kUrl:
      return add_url(request, target, secret);
  }
  return ok();
}

}  // namespace

Result<HttpRequest> authorise(HttpRequest request, const Target& target, const Credentials& credentials,
                              const Signing* signing) {
  if (of_cluster(target.auth)) {
    TRY_DONE(add_cluster(request, target, credentials.secrets));
  } else if (target.auth.kind != Auth::Kind::kNone) {
    TRY(const std::string secret, read_secret(target.auth.secrets, target, credentials.secrets));
    TRY_DONE(add_secret(request, target, secret));
  }
  if (signing == nullptr) return request;
  if (target.auth.sign.empty()) {
    if (!signing->needs_secret()) return request;
    return Error(Code::kInvalid,
                 "target '" + target.name + "' names no secret to sign with: set `sign` in its `auth`");
  }
  TRY(std::string secret, read_secret(target.auth.sign, target, credentials.secrets));
  std::optional<std::string> key;
  if (!credentials.rehearsed) key = std::move(secret);
  return sign(std::move(request), *signing, key, credentials.now);
}

json::object target_context(const Target& target) {
  json::object context;
  context["name"] = target.name;
  if (!target.url.empty()) context["url"] = target.url;
  context["edition"] = target.edition;
  // Where people open it.
  context["site"] = nullptr;
  if (!target.site.empty()) {
    context["site"] = target.site;
  } else if (!target.gateway && target.url.starts_with("http")) {
    context["site"] = target.url;
  }
  return context;
}

}  // namespace postlude::connector
