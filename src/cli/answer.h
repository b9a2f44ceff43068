#pragma once
// Answer: what a daemon's answers must have, and how it is read. Whatever listens at an address may answer
// 200.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace postlude::cli {

enum class Kind : std::uint8_t { kText = 1, kNumber, kFlag, kList, kAny };

// A member that each answer of its kind has. The items of a list are objects.
struct Member {
  const char* name;
  Kind kind;
};
using Shape = std::vector<Member>;

const Shape& page_shape();
const Shape& run_shape();
const Shape& thing_shape(std::string_view kind);  // deliveries events runs
const Shape& explain_shape();
const Shape& many_shape();  // what became of many runs, or held steps
const Shape& pause_shape();
const Shape& forgotten_shape();
const Shape& verified_shape();
const Shape& redelivered_shape();

// kInvalid: "the answer is not Postlude's: …", with what it lacks.
Status check_shape(const json::value& answer, const Shape& shape);

// What may be missing deeper down is read as nothing.
const json::array& list_in(const json::value& object, std::string_view key);
std::int64_t number_in(const json::value& object, std::string_view key);
bool flag_in(const json::value& object, std::string_view key);

}  // namespace postlude::cli
