#include "base/id.h"

#include "base/text.h"

namespace postlude {

namespace {
constexpr std::size_t kDigits = 12;  // 36^12 > 4.7e18 / 1000: more than an id counter can reach
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
}  // namespace

std::string id_text(std::string_view prefix, std::int64_t value) {
  std::string text(prefix);
  text.push_back('_');
  const std::size_t start = text.size();
  text.append(kDigits, '0');
  auto rest = static_cast<std::uint64_t>(value);
  for (std::size_t i = kDigits; i > 0 && rest > 0; --i) {
    text[start + i - 1] = kAlphabet[rest % 36];
    rest /= 36;
  }
  return text;
}

Result<std::int64_t> parse_id(std::string_view prefix, std::string_view text) {
  const std::string expected = std::string(prefix) + "_…";
  const auto wrong = [&] {
    return Error(Code::kInvalid, "'" + cut(std::string(text), 40) + "' is not an id of the form " + expected);
  };
  if (text.size() < prefix.size() + 2 || text.size() > prefix.size() + 1 + kDigits ||
      !text.starts_with(prefix) || text[prefix.size()] != '_') {
    return wrong();
  }
  std::uint64_t value = 0;
  for (const char c : text.substr(prefix.size() + 1)) {
    const std::size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return wrong();
    value = value * 36 + digit;
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace postlude
