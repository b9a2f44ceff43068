#include "model/sql.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace postlude {
namespace {

struct Scheme {
  std::string_view name;
  SqlDialect dialect;
  std::uint16_t port;
};
constexpr std::array<Scheme, 5> kSchemes = {{{"postgres", SqlDialect::kPostgresql, 5432},
                                             {"postgresql", SqlDialect::kPostgresql, 5432},
                                             {"mysql", SqlDialect::kMysql, 3306},
                                             {"mariadb", SqlDialect::kMysql, 3306},
                                             {"sqlite", SqlDialect::kSqlite, 0}}};

Error invalid(std::string why) {
  return Error(Code::kInvalid, std::move(why));
}

bool clean(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

Result<std::string> decoded(std::string_view part, std::string_view what) {
  std::optional<std::string> text = percent_decode(part);
  if (!text || !clean(*text)) return invalid("its " + std::string(what) + " cannot be read");
  return *std::move(text);
}

// host[:port], or [::1]:port.
Status read_host(std::string_view authority, SqlPlace& into) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return invalid("its host has no closing bracket");
    into.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    into.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (!clean(into.host) || into.host.find_first_of(" ,\\") != std::string::npos)
    return invalid("its host cannot be read");
  if (port.empty()) return ok();
  const char* end = port.data() + port.size();
  const auto read = std::from_chars(port.data() + 1, end, into.port);
  if (port[0] != ':' || read.ec != std::errc() || read.ptr != end || into.port == 0)
    return invalid("its port cannot be read");
  return ok();
}

}  // namespace

Result<SqlPlace> parse_sql_url(std::string_view url) {
  const std::size_t colon = url.find("://");
  const std::string_view name = url.substr(0, colon == std::string_view::npos ? 0 : colon);
  const auto* scheme =
      std::find_if(kSchemes.begin(), kSchemes.end(), [&](const Scheme& one) { return one.name == name; });
  if (scheme == kSchemes.end()) {
    return invalid(
        "expected postgres://HOST[:PORT]/DATABASE, mysql://HOST[:PORT]/DATABASE or sqlite:///PATH");
  }
  SqlPlace place;
  place.dialect = scheme->dialect;
  place.port = scheme->port;
  std::string_view rest = url.substr(colon + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return invalid("it may have no query; how the connection is encrypted is said in `tls`");
  }
  if (place.dialect == SqlDialect::kSqlite) {
    if (!rest.starts_with('/')) return invalid("a file of SQLite is sqlite:///PATH, with an absolute path");
    TRY(place.database, decoded(rest, "path"));
    return place;
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  const std::string_view database = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, at);
    if (user.find(':') != std::string_view::npos) {
      return invalid("it may have no password: write auth: {basic: {username, password: {env: NAME}}}");
    }
    TRY(place.user, decoded(user, "user"));
    authority.remove_prefix(at + 1);
  }
  TRY_DONE(read_host(authority, place));
  if (database.empty())
    return invalid("the name of the database is missing, as in postgres://db.example.com/shop");
  if (database.find('/') != std::string_view::npos) return invalid("the name of a database has no slash");
  TRY(place.database, decoded(database, "database"));
  return place;
}

}  // namespace postlude
