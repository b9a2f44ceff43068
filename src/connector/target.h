#pragma once
// Target: a system under a name of the user's: its URL, credentials and limits; and Masker, which hides
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
  enum class Kind : std::uint8_t { kNone = 1, kBearer, kBasic, kHeader, kQuery, kBody, kUrl };
  Kind kind = Kind::kNone;
  std::string name;                // basic: the user; header, query, body: the name of the field
  std::vector<SecretRef> secrets;  // the first is used; all are masked
};
std::string_view kind_name(Auth::Kind kind);  // none bearer basic header query body url

// The proxies that the environment names (http_proxy, https_proxy, no_proxy); "": none.
struct Proxies {
  std::string http;   // for http URLs, as a URL
  std::string https;  // for https URLs
  std::string none;   // hosts that are reached without one, as no_proxy lists them
};

struct Limits {
  std::size_t concurrency = 16;  // requests at once
  std::optional<Rate> rate;
};

struct Target {
  std::string name;
  std::string connector;
  std::string url;  // scheme, host and base path, no slash at its end; "" with auth `url`
  Auth auth;
  Headers headers;                         // sent with every request that does not set them itself
  std::string proxy;                       // of its own; "": the environment's
  bool without_proxy = false;              // `proxy: none`
  std::shared_ptr<const Proxies> proxies;  // the environment's; null: none
  std::string ca_file, cert_file, key_file;
  Duration timeout = std::chrono::seconds(30);
  std::size_t response_bytes_max = 8U << 20U;
  std::string edition;
  std::string site;      // where people open it; "": at `url`
  bool gateway = false;  // people cannot open `url`
  Limits limits;
  lang::Place place;
};

// The configuration's `targets`; nullptr: none. Connector::settle then adds what the connector knows.
std::vector<Target> read_targets(const lang::Node* targets, lang::Problems& problems);

// The proxy through which a URL of this target is reached; "": none. Never the environment's for loopback
// addresses, `.svc`, `.cluster.local` and the Kubernetes API.
std::string proxy_for(const Target& target, std::string_view url);
// An environment's proxy as a URL: `proxy:3128` is http://proxy:3128.
std::string proxy_url(std::string_view written);

// What stands in a request's URL where the target's URL is itself the secret: "***/path".
constexpr std::string_view kSecretUrl = "***";

// Adds the credentials, as late as possible: what comes back must not be stored, shown or evaluated.
// kNotFound, kInvalid: the secret is missing, or cannot be put where it belongs.
Result<HttpRequest> authorise(HttpRequest request, const Target& target, const SecretLookup& lookup);

// `.target` for expressions: {name, url?, edition, site}; never a secret.
json::object target_context(const Target& target);

// A URL taken apart; nothing is decoded. kInvalid: not http(s), user information, control characters.
struct Url {
  std::string scheme, host, port;  // host in lower case; port "" when not written
  std::string path;                // "" or from the first slash
  std::string query;               // without its question mark
  std::string origin() const;      // scheme://host[:port], the scheme's own port left out
};
Result<Url> parse_url(std::string_view text);

// Hides the secrets of targets (base/mask.h), of a secret URL also its parts.
class Masker {
 public:
  static constexpr std::size_t kMaskedMin = Mask::kMaskedMin;

  Masker() = default;
  // All secrets of these targets; those that cannot be found cannot leak.
  static Masker of(const std::vector<Target>& targets, const SecretLookup& lookup);
  static Masker of(const Target& target, const SecretLookup& lookup);
  // What they are now as well: secrets change while we run, and answers to what was sent with the old ones
  // come after that.
  void renew(const std::vector<Target>& targets, const SecretLookup& lookup);
  // What is about to be sent to the target: its answer may come, and repeat it, before the next renewal. Next
  // to nothing where it is what was learnt last.
  void learn(const Target& target, const std::string& secret);

  void add(std::string_view secret) { mask_.add(secret); }
  Mask& known() { return mask_; }
  std::string mask(std::string_view text) const { return mask_.mask(text); }
  std::string mask_json(std::string_view text) const { return mask_.mask_json(text); }

 private:
  void add_auth(const Target& target, const SecretLookup& lookup);
  void add_forms(const Auth& auth, const std::string& secret);

  Mask mask_;
  std::map<std::string, std::string, std::less<>> learnt_;  // by target; its forms are known
};

}  // namespace postlude::connector
