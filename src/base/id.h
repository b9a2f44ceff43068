#pragma once
// Id: the name of a stored thing. Outside, an id is a prefix and 12 characters of base 36,
// `evt_00000000002a`, which sort in the order of creation; inside, it is the row's integer.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postlude {

std::string id_text(std::string_view prefix, std::int64_t value);
Result<std::int64_t> parse_id(std::string_view prefix, std::string_view text);

// Tag names the kind; Tag::kPrefix is the text before the underscore.
template <class Tag>
struct Id {
  std::int64_t value = 0;  // 0: none

  explicit operator bool() const { return value != 0; }
  std::string text() const { return id_text(Tag::kPrefix, value); }
  static Result<Id> parse(std::string_view text) {
    TRY(std::int64_t v, parse_id(Tag::kPrefix, text));
    return Id{v};
  }
  friend auto operator<=>(const Id&, const Id&) = default;
};

struct DeliveryTag {
  static constexpr std::string_view kPrefix = "dlv";
};
struct EventTag {
  static constexpr std::string_view kPrefix = "evt";
};
struct RunTag {
  static constexpr std::string_view kPrefix = "run";
};
struct AttemptTag {
  static constexpr std::string_view kPrefix = "att";
};
using DeliveryId = Id<DeliveryTag>;
using EventId = Id<EventTag>;
using RunId = Id<RunTag>;
using AttemptId = Id<AttemptTag>;

}  // namespace postlude
