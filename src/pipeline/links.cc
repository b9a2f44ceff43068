#include "pipeline/links.h"

#include <array>
#include <charconv>

#include "base/hash.h"

namespace postlude::pipeline {

namespace {

constexpr std::array<std::string_view, 3> kLetters{"c", "a", "r"};
constexpr std::size_t kProofLength = 32;  // hex digits: 128 bits

std::string proof_of(std::string_view secret, std::string_view what) {
  return to_hex(hmac(Algorithm::kSha256, secret, "link " + std::string(what))).substr(0, kProofLength);
}

}  // namespace

std::string link_text(std::string_view secret, const Link& link) {
  const std::string what = link.run.text() + "." + std::to_string(link.step) + "." +
                           std::string(kLetters[static_cast<std::size_t>(link.kind) - 1]);
  return what + "." + proof_of(secret, what);
}

std::optional<Link> read_link(std::string_view secret, std::string_view text) {
  if (text.size() > 128) return std::nullopt;
  const std::size_t last = text.rfind('.');
  if (last == std::string_view::npos) return std::nullopt;
  const std::string_view what = text.substr(0, last);
  if (!equal_in_constant_time(proof_of(secret, what), text.substr(last + 1))) return std::nullopt;
  const std::size_t first = what.find('.');
  const std::size_t second = what.rfind('.');
  if (first == std::string_view::npos || first == second) return std::nullopt;
  Link link;
  const auto run = RunId::parse(what.substr(0, first));
  const std::string_view index = what.substr(first + 1, second - first - 1);
  const auto read = std::from_chars(index.data(), index.data() + index.size(), link.step);
  if (!run || read.ec != std::errc() || read.ptr != index.data() + index.size()) return std::nullopt;
  link.run = *run;
  for (std::size_t i = 0; i < kLetters.size(); ++i) {
    if (kLetters[i] != what.substr(second + 1)) continue;
    link.kind = static_cast<LinkKind>(i + 1);
    return link;
  }
  return std::nullopt;
}

}  // namespace postlude::pipeline
