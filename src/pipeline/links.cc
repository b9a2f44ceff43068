#include "pipeline/links.h"

#include <array>
#include <cctype>
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

std::string without_links(std::string text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (std::size_t at = text.find("run_"); at != std::string::npos; at = text.find("run_", at + 4)) {
    std::size_t end = at;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
      ++end;
    const std::size_t dot = text.find('.', end + 1);
    if (end >= text.size() || text[end] != '.' || dot == std::string::npos || dot > end + 12) continue;
    // `.STEP.KIND.` and the proof.
    const std::size_t proof = dot + 3;
    if (proof + kProofLength > text.size() || text[dot + 2] != '.') continue;
    if (std::string_view(text).substr(proof, kProofLength).find_first_not_of(kHex) != std::string_view::npos)
      continue;
    text.replace(proof, kProofLength, "***");
  }
  return text;
}

}  // namespace postlude::pipeline
