#include "intake/paths.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"

namespace postlude::intake {

namespace {

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// May stand bare in a path beside the unreserved ones (RFC 3986, pchar and the slash).
bool path_character(char c) {
  constexpr std::string_view kAlso = "/!$&'()*+,;=:@";
  return unreserved(c) || kAlso.find(c) != std::string_view::npos;
}

}  // namespace

Result<std::string> canonical_path(std::string_view path) {
  if (!path.starts_with('/')) return Error(Code::kInvalid, "a path begins with a slash");
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (path_character(path[i])) {
        out += path[i];
      } else {
        out += percent_encode(path.substr(i, 1));
      }
      continue;
    }
    const auto byte = from_hex(path.substr(i + 1, 2));
    if (!byte || byte->size() != 1) return Error(Code::kInvalid, "a broken % escape in the path");
    out += unreserved(byte->front()) ? *byte : percent_encode(*byte);
    i += 2;
  }
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string_view path_of(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (scheme != std::string_view::npos && scheme > 0 && target.find('/') > scheme) {
    const std::size_t path = target.find_first_of("/?", scheme + 3);
    target = path == std::string_view::npos || target[path] == '?' ? "/" : target.substr(path);
  }
  return target.substr(0, target.find('?'));
}

namespace {

std::size_t common_ends(std::string_view a, std::string_view b) {
  std::size_t front = 0;
  while (front < a.size() && front < b.size() && a[front] == b[front])
    ++front;
  std::size_t back = 0;
  while (back < a.size() - front && back < b.size() - front &&
         a[a.size() - back - 1] == b[b.size() - back - 1])
    ++back;
  return front + back;
}

}  // namespace

std::size_t nearest_path(std::string_view path, std::span<const std::string> known) {
  // Something was put before it (a piece of the host, a proxy's prefix) or after it.
  std::size_t best = known.size();
  for (std::size_t i = 0; i < known.size(); ++i) {
    const std::string& k = known[i];
    const bool inside = path.ends_with(k) || (path.starts_with(k) && path.substr(k.size()).starts_with('/'));
    if (inside && k.size() > 1 && (best == known.size() || k.size() > known[best].size())) best = i;
  }
  // Something is missing at its end: the cluster of a source that has several.
  std::size_t below = known.size();
  for (std::size_t i = 0; i < known.size() && path.size() > 1 && best == known.size(); ++i) {
    if (!known[i].starts_with(path) || !known[i].substr(path.size()).starts_with('/')) continue;
    if (below == known.size() || known[i].size() < known[below].size()) below = i;
  }
  if (below != known.size()) return below;
  const std::string slip = nearest(path, known);
  if (!slip.empty())
    return static_cast<std::size_t>(std::find(known.begin(), known.end(), slip) - known.begin());
  return best;
}

std::size_t likest_path(std::string_view path, std::span<const std::string> known) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < known.size(); ++i) {
    if (common_ends(path, known[i]) > common_ends(path, known[best])) best = i;
  }
  return best;
}

}  // namespace postlude::intake
