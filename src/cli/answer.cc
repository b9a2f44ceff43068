#include "cli/answer.h"

#include <algorithm>
#include <string>

namespace postlude::cli {

namespace {

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::kText:
      return "text";
    case Kind::kNumber:
      return "number";
    case Kind::kFlag:
      return "true or false";
    case Kind::kList:
      return "list of objects";
    case Kind::kAny:
      break;
  }
  return "member";
}

bool is(const json::value& value, Kind kind) {
  switch (kind) {
    case Kind::kText:
      return value.is_string();
    case Kind::kNumber:
      return value.is_int64() || value.is_uint64();
    case Kind::kFlag:
      return value.is_bool();
    case Kind::kList:
      return value.is_array() && std::all_of(value.get_array().begin(), value.get_array().end(),
                                             [](const json::value& item) { return item.is_object(); });
    case Kind::kAny:
      break;
  }
  return true;
}

}  // namespace

const Shape& page_shape() {
  static const Shape shape{{"items", Kind::kList}};
  return shape;
}

const Shape& run_shape() {
  static const Shape shape{{"id", Kind::kText}, {"workflow", Kind::kText}, {"state", Kind::kText}};
  return shape;
}

const Shape& thing_shape(std::string_view kind) {
  static const Shape received{{"id", Kind::kText}, {"receivedAt", Kind::kText}};
  return kind == "runs" ? run_shape() : received;
}

const Shape& explain_shape() {
  static const Shape shape{{"delivery", Kind::kAny}, {"event", Kind::kAny}, {"runs", Kind::kList}};
  return shape;
}

const Shape& many_shape() {
  static const Shape shape{{"done", Kind::kNumber}, {"refused", Kind::kList}, {"more", Kind::kFlag}};
  return shape;
}

const Shape& pause_shape() {
  static const Shape shape{{"kind", Kind::kText}, {"name", Kind::kText}};
  return shape;
}

const Shape& forgotten_shape() {
  static const Shape shape{{"forgotten", Kind::kFlag}};
  return shape;
}

const Shape& verified_shape() {
  static const Shape shape{{"intact", Kind::kFlag}, {"records", Kind::kNumber}};
  return shape;
}

const Shape& redelivered_shape() {
  static const Shape shape{{"event", Kind::kText}, {"duplicate", Kind::kFlag}};
  return shape;
}

Status check_shape(const json::value& answer, const Shape& shape) {
  constexpr const char* kNotOurs = "the answer is not Postlude's: ";
  if (!answer.is_object()) return Error(Code::kInvalid, std::string(kNotOurs) + "it is no JSON object");
  for (const Member& member : shape) {
    const json::value* value = find(answer, member.name);
    if (value == nullptr)
      return Error(Code::kInvalid, std::string(kNotOurs) + "it has no `" + member.name + "`");
    if (!is(*value, member.kind)) {
      return Error(Code::kInvalid, std::string(kNotOurs) + "its `" + member.name + "` is no " +
                                       std::string(word_of(member.kind)));
    }
  }
  return ok();
}

const json::array& list_in(const json::value& object, std::string_view key) {
  static const json::array none;
  const json::value* value = find(object, key);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

std::int64_t number_in(const json::value& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

bool flag_in(const json::value& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace postlude::cli
