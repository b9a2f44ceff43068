#pragma once
// Mask: hides values in any text that is stored, logged or shown.

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/json.h"

namespace postlude {

// Hides them in the spellings in which systems repeat them (base/spelled.h); in base64 and base32, also
// within a longer one, and in hexadecimal, all three also broken into lines; and the user information of any
// URL. What it costs grows with the text and little with the values.
class Mask {
 public:
  // A shorter secret is in half of all texts: hiding it would spoil them and hide nothing. `check --secrets`
  // says so.
  static constexpr std::size_t kMaskedMin = 4;

  void add(std::string_view secret);  // next to nothing where it is known
  void add_base64(std::string text);  // what is itself base64
  void clear();
  std::size_t size() const { return forms_.size(); }  // of all spellings that are looked for

  std::string mask(std::string_view text) const;
  // The same within the strings of a JSON text, so that it stays JSON; other text is masked as text.
  std::string mask_json(std::string_view text) const;

 private:
  // In which way a form is looked for; those of one way lie together.
  enum class Way : std::uint8_t { kText = 0, kBase64, kAnyCase };
  static constexpr std::size_t kWays = 3;
  struct Form {
    std::string bytes;  // of kAnyCase: small letters
    Way way = Way::kText;
    std::size_t shared = 0;  // so many bytes are those of the form before it
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
  // Among the forms of that way with that first byte; 0: none is spelled there.
  std::size_t longest_at(std::string_view text, std::size_t at, Way way, unsigned char first) const;
  void mask_value(json::value& value) const;
  bool nothing_to_hide(std::string_view json_text) const;

  std::vector<Form> forms_;                              // sorted
  std::array<std::size_t, kWays * 256 + 1> first_of_{};  // where those of a way with a first byte begin
  // By its first byte: the second bytes with which a form may be spelled.
  std::array<std::bitset<256>, 256> beginnings_{};
};

}  // namespace postlude
