#pragma once
// Target: a system with a name that the user chose: its URL, credentials and limits; and Masker, which hides
// secrets.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mask.h"
#include "base/secret.h"
#include "base/time.h"
#include "lang/node.h"
#include "model/http.h"

namespace postlude::connector {

struct Auth {
  enum class Kind : std::uint8_t {
    kNone = 1,
    kBearer,
    kBasic,
    kHeader,
    kQuery,
    kBody,
    kUrl,
    kInCluster,   // the service account of the pod that we are
    kKubeconfig,  // a context of a kubeconfig
  };
  Kind kind = Kind::kNone;
  // basic: the user; header, query, body: the name of the field; kubeconfig: the context, "": its current one
  std::string name;
  std::vector<SecretRef> secrets;  // sends the first one; masks all
  std::vector<SecretRef> sign;     // signs with the first one; masks all
  std::string file;                // kubeconfig: its path; inCluster: the account's folder, "": the usual one
  bool insecure = false;           // kubeconfig: it may say that no certificate is checked

  std::vector<SecretRef> all_secrets() const;
};
// none bearer basic header query body url inCluster kubeconfig
std::string_view kind_name(Auth::Kind kind);
// Where the server is, too, is known only when its credentials are read (kube/access.h).
inline bool of_cluster(const Auth& auth) {
  return auth.kind == Auth::Kind::kInCluster || auth.kind == Auth::Kind::kKubeconfig;
}

// The proxies of the environment (http_proxy, https_proxy, no_proxy); "": none.
struct Proxies {
  std::string http;   // for http URLs, as a URL
  std::string https;  // for https URLs
  std::string none;   // hosts without a proxy, as no_proxy lists them
};

struct Limits {
  std::size_t concurrency = 16;  // requests at once
  std::optional<Rate> rate;
};

struct Target {
  std::string name;
  std::string connector;
  std::string url;  // scheme, host and base path, without a final slash; "" with auth `url`
  Auth auth;
  Headers headers;                         // sent with every request that does not set them
  std::string proxy;                       // the target's own proxy; "": the environment's
  bool without_proxy = false;              // `proxy: none`
  std::shared_ptr<const Proxies> proxies;  // from the environment; null: none
  std::string ca_file, cert_file, key_file;
  std::string tls_mode;  // of a database: disable, prefer, require, verify-full; "": by its host
  Duration timeout = std::chrono::seconds(30);
  std::size_t response_bytes_max = 8U << 20U;
  std::string edition;
  std::string site;      // where people open the system; "": at `url`
  bool gateway = false;  // people cannot open `url`
  Limits limits;
  lang::Place place;
};

// Reads the configuration's `targets`; nullptr: none. Connector::settle then adds the connector's settings.
std::vector<Target> read_targets(const lang::Node* targets, lang::Problems& problems);

// The proxy for a URL of this target; "": none. Never the environment's proxy for loopback addresses, `.svc`,
// `.cluster.local` and the Kubernetes API.
std::string proxy_for(const Target& target, std::string_view url);
// A proxy of the environment as a URL: `proxy:3128` is http://proxy:3128.
std::string proxy_url(std::string_view written);

// Stands in a request's URL for a target's URL that is itself the secret: "***/path".
constexpr std::string_view kSecretUrl = "***";
// The `url` of a target that is a cluster, and stands for its API server's; stored and shown so.
constexpr std::string_view kClusterUrl = "https://kubernetes.default.svc";

struct Signing;  // sign.h

// What credentials are made of when a request is sent.
struct Credentials {
  SecretLookup secrets;
  Instant now;             // by the wall clock: signatures tell the time
  bool rehearsed = false;  // nothing is sent: *** stands in place of what would be signed
};

// Adds the credentials, and the signature if the system wants one (nullptr: it does not). Call it as late as
// possible: the result must not be stored, shown or evaluated. kNotFound, kInvalid: a secret is missing, or
// cannot be put into its place. Of a cluster, `target.url` is its API server's, and `secrets` yields its
// token, or "".
Result<HttpRequest> authorise(HttpRequest request, const Target& target, const Credentials& credentials,
                              const Signing* signing = nullptr);

// `.target` for expressions: {name, url?, edition, site}; never a secret.
json::object target_context(const Target& target);

// The parts of a URL, not decoded. kInvalid: not http(s), user information, control characters.
struct Url {
  std::string scheme, host, port;  // host in lower case; port "" if not written
  std::string path;                // "", or from the first slash on
  std::string query;               // without its question mark
  std::string origin() const;      // scheme://host[:port], without the scheme's own port
};
Result<Url> parse_url(std::string_view text);
// The URL that is the target's secret. The error names the target and where the secret is, and quotes
// nothing.
Result<Url> secret_url(const Target& target, const std::string& secret);

// Hides the secrets of targets (base/mask.h); for a secret URL also its parts.
class Masker {
 public:
  static constexpr std::size_t kMaskedMin = Mask::kMaskedMin;

  Masker() = default;
  // Adds all secrets of these targets. Secrets that cannot be read cannot leak.
  static Masker of(const std::vector<Target>& targets, const SecretLookup& lookup);
  static Masker of(const Target& target, const SecretLookup& lookup);
  // Adds their current values as well: secrets change while we run, and answers to requests with the old
  // values arrive later.
  void renew(const std::vector<Target>& targets, const SecretLookup& lookup);
  // Adds the secret of a request just before it is sent: the answer may repeat it before the next renew().
  // Cheap if the secret is known.
  void learn(const Target& target, const SecretRef& ref, const std::string& secret);

  void add(std::string_view secret) { mask_.add(secret); }
  Mask& known() { return mask_; }
  std::string mask(std::string_view text) const { return mask_.mask(text); }
  std::string mask_json(std::string_view text) const { return mask_.mask_json(text); }

 private:
  void add_auth(const Target& target, const SecretLookup& lookup);
  void add_forms(const Auth& auth, const std::string& secret);

  Mask mask_;
  std::map<std::string, std::string, std::less<>> learnt_;  // by target and place; values that are known
};

}  // namespace postlude::connector
