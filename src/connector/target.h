#pragma once
// Target: a system under a name of the user's: its URL, credentials and limits; and Masker, which hides
// secrets.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

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

// Hides values in any text that is stored, logged or shown, in the spellings in which systems repeat them
// (connector/spelled.h), in base64, also within a longer one, and in hexadecimal; of a secret URL also its
// parts; and the user information of any URL. What it costs grows with the text and little with the secrets.
class Masker {
 public:
  // A shorter secret is in half of all texts: hiding it would spoil them and hide nothing. `check --secrets`
  // says so.
  static constexpr std::size_t kMaskedMin = 4;

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

  void add(std::string_view secret);
  std::string mask(std::string_view text) const;
  // The same within the strings of a JSON text, so that it stays JSON; other text is masked as text.
  std::string mask_json(std::string_view text) const;

 private:
  void add_auth(const Target& target, const SecretLookup& lookup);
  void add_forms(const Auth& auth, const std::string& secret);
  void mask_value(json::value& value) const;
  bool nothing_to_hide(std::string_view json_text) const;
  struct Form {
    std::string bytes;
    bool any_case = false;   // hexadecimal
    bool base64 = false;     // padding may follow
    std::size_t shared = 0;  // so many bytes are those of the form before it
    bool operator<(const Form& other) const {
      return std::tie(any_case, bytes, base64) < std::tie(other.any_case, other.bytes, other.base64);
    }
  };
  void add_form(Form form);
  // The end of the longest form that is spelled there; npos: none is.
  std::size_t end_at(std::string_view text, std::size_t at) const;
  // Among the forms with that first byte; 0: none is spelled there.
  std::size_t longest_at(std::string_view text, std::size_t at, bool any_case, unsigned char first) const;
  std::vector<Form> forms_;  // sorted
  // Where those with a first byte begin in forms_; twice: those of any case after the others.
  std::array<std::size_t, 513> first_of_{};
  std::map<std::string, std::string, std::less<>> learnt_;  // by target; its forms are known
};

}  // namespace postlude::connector
