#pragma once
// Mask: hides secret values in any text that is stored, logged or shown.

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/json.h"

namespace postlude {

// Hides each value in the spellings in which systems repeat it (base/spelled.h); in base64 and base32, also
// inside a longer encoded text, and in hexadecimal, these three also broken into lines. Also hides the user
// information of any URL. The cost grows with the text, and little with the number of values.
class Mask {
 public:
  // Shorter secrets are not hidden: they occur by accident in half of all texts. `check --secrets` warns
  // about them.
  static constexpr std::size_t kMaskedMin = 4;

  void add(std::string_view secret);  // cheap if the secret is known already
  void add_base64(std::string text);  // a secret that is base64 itself
  void clear();
  std::size_t size() const { return forms_.size(); }  // number of spellings that are searched for

  std::string mask(std::string_view text) const;
  // Masks the strings of a JSON text, which stays valid JSON; any other text is masked as text.
  std::string mask_json(std::string_view text) const;

 private:
  // How a form is searched for. Forms of one way are stored together.
  enum class Way : std::uint8_t { kText = 0, kBase64, kAnyCase };
  static constexpr std::size_t kWays = 3;
  struct Form {
    std::string bytes;  // for kAnyCase in small letters
    Way way = Way::kText;
    std::size_t shared = 0;  // number of leading bytes that are equal to those of the previous form
    bool operator<(const Form& other) const {
      return std::tie(way, bytes) < std::tie(other.way, other.bytes);
    }
  };

  static std::size_t key_of(Way way, unsigned char first) {
    return static_cast<std::size_t>(way) * 256 + first;
  }
  bool add_form(std::string bytes, Way way);  // false: it is known, or too short
  void note_beginning(char first, char second);
  // Whether a form may be spelled there, by two bytes: most places in most texts are done with by them.
  bool may_begin(std::string_view text, std::size_t at) const;
  // The end of the longest form that is spelled there; npos: none is.
  std::size_t end_at(std::string_view text, std::size_t at) const;
  std::size_t longest_from(std::string_view text, std::size_t at, char first) const;
  // The same for the forms of one way with this first byte; 0: none.
  std::size_t longest_at(std::string_view text, std::size_t at, Way way, unsigned char first) const;
  void mask_value(json::value& value) const;
  bool nothing_to_hide(std::string_view json_text) const;

  std::vector<Form> forms_;                              // sorted
  std::array<std::size_t, kWays * 256 + 1> first_of_{};  // where those of a way with a first byte begin
  // By its first byte: the second bytes with which a form may be spelled.
  std::array<std::bitset<256>, 256> beginnings_{};
};

}  // namespace postlude
