#include "lang/expression_kinds.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"

namespace postlude::lang {
namespace {

// Members of `.event` that are text whenever they are there. Each of `.event.metadata` is, too.
constexpr std::array<std::string_view, 12> kText = {"id",         "source", "hook",    "origin",
                                                    "receivedAt", "team",   "cluster", "namespace",
                                                    "name",       "phase",  "outcome", "checksum"};

bool plain_name(std::string_view name) {
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && (name[0] < '0' || name[0] > '9') && std::all_of(name.begin(), name.end(), word);
}

// The type of the value at a path, in words, if it is the same for every event; "" otherwise.
std::string_view kind_at(const ReadPath& path) {
  const auto name = [&](std::size_t k) {
    return k < path.keys.size() && path.keys[k].kind == PathKey::Kind::kName
               ? std::string_view(path.keys[k].name)
               : std::string_view();
  };
  const std::size_t size = path.keys.size();
  const std::string_view root = name(0);
  if (text_depth(path) == size) return "text";
  if (root == "event") {
    if (size == 1) return "a map";
    return size == 2 && (name(1) == "metadata" || name(1) == "payload") ? "a map" : "";
  }
  if (root == "response" && size == 2)
    return name(1) == "status"    ? "a number"
           : name(1) == "text"    ? "text"
           : name(1) == "headers" ? "a map"
                                  : "";
  if (root == "steps" && size == 3) return name(2) == "state" || name(2) == "reason" ? "text" : "";
  if (root == "steps") return size < 3 && (size == 1 || !name(1).empty()) ? "a map" : "";
  if (root == "run" && size == 2) return name(1) == "callbacks" ? "a map" : "text";
  const bool map = root == "run" || root == "workflow" || root == "vars" || root == "data";
  return size == 1 && map ? "a map" : root == "workflow" && size == 2 ? "text" : "";
}

}  // namespace

std::string quoted_key(std::string_view name) {
  return "[\"" + std::string(name) + "\"]";
}

std::string written(const ReadPath& path, std::size_t count) {
  std::string out;
  for (std::size_t k = 0; k < count && k < path.keys.size(); ++k) {
    const PathKey& key = path.keys[k];
    if (key.kind != PathKey::Kind::kName) {
      out += key.kind == PathKey::Kind::kIndex ? "[" + std::to_string(key.index) + "]" : "[]";
    } else if (plain_name(key.name)) {
      out += (out.empty() && path.variable ? "$" : ".") + key.name;
    } else {
      out += quoted_key(key.name);
    }
  }
  return out;
}

std::size_t text_depth(const ReadPath& path) {
  const auto name = [&](std::size_t k) {
    return k < path.keys.size() && path.keys[k].kind == PathKey::Kind::kName
               ? std::string_view(path.keys[k].name)
               : std::string_view();
  };
  if (name(0) != "event") return 0;
  if (name(1) == "metadata") return path.keys.size() > 2 ? 3 : 0;
  return std::find(kText.begin(), kText.end(), name(1)) == kText.end() ? 0 : 2;
}

std::vector<std::string> words_at(const ReadPath& path) {
  if (path.keys.size() == 2 && path.keys[0].name == "event") {
    const std::string& name = path.keys[1].name;
    if (name == "outcome") return {"promoted", "failed", "rolledBack", "promotionFailed", "unchanged"};
    if (name == "origin") return {"hook", "reconciler", "redelivery", "cli"};
  }
  if (path.keys.size() == 3 && path.keys[0].name == "steps" && path.keys[2].name == "state")
    return {"pending", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"};
  return {};
}

Whole whole_of(const Expression& expression, const Tokens& tokens, const std::vector<ReadPath>& paths) {
  if (paths.size() == 1 && paths[0].first == 0 && paths[0].end == tokens.list.size()) {
    const ReadPath& path = paths[0];
    return {kind_at(path), written(path, path.keys.size()), false,
            path.keys.size() > 2 && path.keys[1].name == "metadata", path.offset};
  }
  const auto value = parse_json(expression.text);
  if (!value || value->is_bool()) return {};
  return {value->is_string()   ? "text"
          : value->is_number() ? "a number"
          : value->is_null()   ? "null"
          : value->is_array()  ? "a list"
                               : "a map",
          cut(expression.text, 60), true};
}

void check_list(const Expression& expression, Problems& problems) {
  const Tokens tokens = tokenize(expression.text, 0, false);
  if (!tokens.problem.empty()) return;
  const Whole is = whole_of(expression, tokens, read_paths(expression));
  if (is.kind.empty() || is.kind == "a list") return;
  const std::string instead = is.literal           ? ", or an expression that yields one"
                              : is.kind == "text"  ? ", say `" + is.text + " | split(\",\")`"
                              : is.kind == "a map" ? ", say `" + is.text + " | to_entries`"
                                                   : "";
  problems.push_back({place_in(expression, is.offset),
                      "'forEach' is " + is.text + (is.literal ? "" : ", which is " + std::string(is.kind)) +
                          "; expected a list" + instead});
}

}  // namespace postlude::lang
