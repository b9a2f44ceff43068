// What jq says when a value is of another kind than an expression needs, in words for people, with the path
// of the value where the expression shows it.

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "lang/expression.h"
#include "lang/expression_kinds.h"
#include "lang/expression_paths.h"

namespace postlude::lang {
namespace {

struct Word {
  std::string_view jq, people;
};

constexpr std::array<Word, 6> kKinds{{{"null", "null"},
                                      {"boolean", "true or false"},
                                      {"number", "a number"},
                                      {"string", "text"},
                                      {"array", "a list"},
                                      {"object", "a map"}}};

std::string_view kind_of(const json::value& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "boolean";
  if (value.is_number()) return "number";
  return value.is_string() ? "string" : value.is_array() ? "array" : "object";
}

std::string people(std::string_view kind) {
  for (const Word& word : kKinds) {
    if (word.jq == kind) return std::string(word.people);
  }
  return std::string(kind);
}

// `KIND (VALUE)` or `KIND` at the beginning of the text: the kind, which is taken off it with the value.
std::string_view take_kind(std::string_view& text) {
  for (const Word& word : kKinds) {
    if (!text.starts_with(word.jq)) continue;
    const std::string_view rest = text.substr(word.jq.size());
    if (!rest.empty() && rest[0] != ' ') continue;
    text = rest;
    return word.jq;
  }
  return "";
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

class Failure {
 public:
  Failure(const Expression& expression, const json::value& context)
      : tokens_(tokenize(expression.text, 0, false)), paths_(read_paths(expression)), context_(context) {}

  std::string in_words(std::string_view why) const {
    for (const auto form : {&Failure::index, &Failure::iterate, &Failure::key, &Failure::two, &Failure::one,
                            &Failure::text, &Failure::time, &Failure::number}) {
      const std::string words = (this->*form)(why);
      if (!words.empty()) return words;
    }
    return std::string(why);
  }

 private:
  bool calls(std::string_view function) const {
    return std::any_of(tokens_.list.begin(), tokens_.list.end(),
                       [&](const Token& token) { return token.ident(function); });
  }

  // The value of the path's first `count` keys, nullopt where one of them is computed.
  std::optional<json::value> value_of(const ReadPath& path, std::size_t count) const {
    const json::value* at = &context_;
    for (std::size_t k = 0; k < count; ++k) {
      const PathKey& key = path.keys[k];
      if (key.kind == PathKey::Kind::kAny) return std::nullopt;
      const json::value* next = nullptr;
      if (key.kind == PathKey::Kind::kName) next = find(*at, key.name);
      if (key.kind == PathKey::Kind::kIndex && at->is_array() && key.index >= 0 &&
          static_cast<std::uint64_t>(key.index) < at->get_array().size())
        next = &at->get_array()[static_cast<std::size_t>(key.index)];
      if (next == nullptr) return json::value();
      at = next;
    }
    return *at;
  }
  bool is_of(const ReadPath& path, std::size_t count, std::string_view kind) const {
    const auto value = value_of(path, count);
    return value && kind_of(*value) == kind;
  }

  // "`.event.metadata.n` is text": the paths that have such a value, if there are few. `operands`: only those
  // that nothing is made of before they are used.
  std::string named(std::string_view kind, bool operands = false) const {
    std::vector<std::string> found;
    for (const ReadPath& path : paths_) {
      if (operands && path.end < tokens_.list.size() && tokens_.list[path.end].symbol("|")) continue;
      if (!is_of(path, path.keys.size(), kind) || (kind == "null" && null_is_met(tokens_, path))) continue;
      const std::string text = "`" + written(path, path.keys.size()) + "`";
      if (std::find(found.begin(), found.end(), text) == found.end()) found.push_back(text);
    }
    if (found.empty() || found.size() > 2) return "";
    return ": " + join(found, " and ") + (found.size() > 1 ? " are " : " is ") + people(kind);
  }

  // `Cannot index string with "x"`
  std::string index(std::string_view why) const {
    if (!take(why, "Cannot index ")) return "";
    const std::string_view kind = take_kind(why);
    if (kind.empty() || !take(why, " with ")) return "";
    const std::size_t quote = why.find('"');
    if (quote == std::string_view::npos || !why.ends_with('"') || why.size() < quote + 2) {
      return "cannot take an element of " + people(kind) + " by " + people(why) + named(kind);
    }
    const std::string name(why.substr(quote + 1, why.size() - quote - 2));
    const std::string advice = kind == "array" ? "; `[0]` is its first element, `[]` all of them" : "";
    for (const ReadPath& path : paths_) {
      for (std::size_t k = 1; k < path.keys.size(); ++k) {
        if (path.keys[k].kind != PathKey::Kind::kName || path.keys[k].name != name) continue;
        if (!is_of(path, k, kind)) continue;
        return "cannot read `" + written(path, k + 1) + "`: `" + written(path, k) + "` is " + people(kind) +
               ", not a map" + advice;
      }
    }
    return "cannot read `" + name + "` of " + people(kind) + ", only of a map" + advice;
  }

  // `Cannot iterate over null (null)`
  std::string iterate(std::string_view why) const {
    if (!take(why, "Cannot iterate over ")) return "";
    const std::string_view kind = take_kind(why);
    if (kind.empty()) return "";
    for (const ReadPath& path : paths_) {
      for (std::size_t k = 1; k < path.keys.size(); ++k) {
        if (path.keys[k].kind != PathKey::Kind::kAny || !is_of(path, k, kind)) continue;
        return "cannot go through the elements of `" + written(path, k) + "`: it is " + people(kind) +
               ", not a list";
      }
    }
    return "cannot go through the elements of " + people(kind) + named(kind);
  }

  // `Cannot use null (null) as object key`, `Cannot check whether null has a string key`
  std::string key(std::string_view why) const {
    const bool check = take(why, "Cannot check whether ");
    if (!check && !take(why, "Cannot use ")) return "";
    const std::string_view kind = take_kind(why);
    if (kind.empty()) return "";
    if (check) return "cannot ask " + people(kind) + " for a key with `has`" + named(kind);
    if (!why.ends_with(" as object key")) return "";
    return "cannot use " + people(kind) + " as a map's key, which is text" + named(kind);
  }

  // `string ("a") and number (1) cannot be added`
  std::string two(std::string_view why) const {
    const std::string_view first = take_kind(why);
    if (first.empty()) return "";
    constexpr std::string_view kCannot = " cannot be ";
    const std::size_t at = why.rfind(kCannot);
    if (at == std::string_view::npos) return "";
    const std::string_view verb = why.substr(at + kCannot.size());
    std::string_view second;
    std::size_t last = 0;
    for (const Word& word : kKinds) {
      const std::size_t found = why.rfind(") and " + std::string(word.jq) + " (", at);
      if (found == std::string_view::npos || found < last) continue;
      last = found;
      second = word.jq;
    }
    if (second.empty()) return "";
    if (verb.starts_with("divided because") || verb.starts_with("divided as the divisor"))
      return "cannot divide by zero";
    std::string out;
    if (verb == "added") out = "cannot add " + people(first) + " and " + people(second);
    if (verb == "subtracted") out = "cannot subtract " + people(second) + " from " + people(first);
    if (verb == "multiplied") out = "cannot multiply " + people(first) + " by " + people(second);
    if (verb == "divided") out = "cannot divide " + people(first) + " by " + people(second);
    if (verb == "iterated over") return "cannot go through the elements of " + people(first) + named(first);
    if (out.empty()) return "";
    const bool mixed = (first == "string" && second == "number") || (first == "number" && second == "string");
    for (const std::string_view kind : {first, second}) {
      const std::string who = kind == "null" || (mixed && kind == "string") ? named(kind, true) : "";
      if (!who.empty()) return out + who + (mixed ? ", which `tonumber` makes a number" : "");
    }
    return out + (mixed ? "; `tonumber` makes a number of text, `tostring` text of a number" : "");
  }

  // `null (null) cannot be matched, as it is not a string`
  std::string one(std::string_view why) const {
    const std::string_view kind = take_kind(why);
    if (kind.empty()) return "";
    struct Form {
      std::string_view end, verb, of;
    };
    constexpr std::array<Form, 10> kForms{{{"cannot be matched, as it is not a string", "search in ", ""},
                                           {"cannot be parsed as a number", "make a number of ", ""},
                                           {"cannot be sorted, as it is not an array", "sort ", ""},
                                           {"cannot be grouped, as it is not an array", "group ", ""},
                                           {"cannot be negated", "negate ", ""},
                                           {"has no keys", "take the keys of ", ""},
                                           {"has no length", "take the length of ", ""},
                                           {"is not valid base64 data", "decode ", ", which is no base64"},
                                           {"cannot be csv-formatted, only array", "make CSV of ", ""},
                                           {"cannot be tsv-formatted, only array", "make TSV of ", ""}}};
    for (const Form& form : kForms) {
      if (why.ends_with(form.end))
        return "cannot " + std::string(form.verb) + people(kind) + std::string(form.of) + named(kind);
    }
    return "";
  }

  // `startswith() requires string inputs`, `explode input must be a string`
  std::string text(std::string_view why) const {
    const std::size_t end = why.find_first_of("( /");
    if (end == std::string_view::npos || end == 0) return "";
    const std::string name(why.substr(0, end));
    const std::string_view rest = why.substr(end);
    if (rest != "() requires string inputs" && rest != " input must be a string" &&
        rest != " input and separator must be strings" && rest != "/1 requires string inputs and arguments")
      return "";
    std::string who = named("null");
    for (const std::string_view kind : {"number", "array", "object"})
      who = who.empty() ? named(kind) : who;
    // Some of jq's functions are made of others, whose names say nothing here.
    return "cannot use " + (calls(name) ? "`" + name + "` on" : std::string("as text")) +
           " what is not text" + who;
  }

  // `date "x" does not match format "%Y"`, `strftime/1 requires parsed datetime inputs`
  std::string time(std::string_view why) const {
    if (why.ends_with(" requires parsed datetime inputs")) return "cannot write as a time what is none";
    const std::size_t format = why.rfind(" does not match format ");
    if (!why.starts_with("date \"") || format == std::string_view::npos) return "";
    return "cannot read text as a time: it" + std::string(why.substr(format)) + named("string");
  }

  // `Invalid numeric literal at EOF at line 1, column 3 (while parsing 'abc')`
  std::string number(std::string_view why) const {
    if (why.find("(while parsing '") == std::string_view::npos) return "";
    const bool numbers = calls("tonumber");
    if (numbers == calls("fromjson")) return "";
    return std::string("cannot ") + (numbers ? "make a number of text that is none" : "read text as JSON") +
           named("string");
  }

  Tokens tokens_;
  std::vector<ReadPath> paths_;
  const json::value& context_;
};

}  // namespace

std::string plain_failure(const Expression& expression, const json::value& context, std::string_view why) {
  return Failure(expression, context).in_words(why);
}

}  // namespace postlude::lang
