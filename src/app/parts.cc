#include "app/parts.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "lang/schema.h"

namespace postlude::app {

using lang::Node;
using lang::Place;
using lang::Problem;
using lang::Problems;

namespace {

constexpr int kRoundsMax = 64;  // what is taken out may make what is around it incomplete

bool same(const Place& a, const Place& b) {
  return a.line == b.line && a.column == b.column && a.file == b.file;
}

Node text_node(std::string text, const Place& place, bool plain) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(text);
  node.plain = plain;
  node.place = place;
  return node;
}

bool lists_steps(std::string_view key) {
  return key == "steps" || key == "onFailure" || key == "finally";
}

// A placeholder for a step that cannot be read, because others may refer to it.
Node stand_in(const Node& step) {
  Node out;
  out.kind = Node::Kind::kMap;
  out.place = step.place;
  const Node* id = step.find("id");
  if (id != nullptr && id->is_scalar()) out.members.emplace_back(text_node("id", step.place, true), *id);
  out.members.emplace_back(text_node("uses", step.place, true), text_node("assert", step.place, true));
  Node with;
  with.kind = Node::Kind::kMap;
  with.place = step.place;
  with.members.emplace_back(text_node("that", step.place, true), text_node("true", step.place, true));
  out.members.emplace_back(text_node("with", step.place, true), std::move(with));
  return out;
}

class Taker {
 public:
  Taker(Node& root, const json::value& schema, Unread& unread) : root_(root), unread_(unread) {
    const json::value* properties = find(schema, "properties");
    if (properties == nullptr || !properties->is_object()) return;
    for (const auto& member : properties->get_object())
      sections_.emplace_back(member.key());
  }

  // The member or entry that the problem is about; false: there is none.
  bool take(const Problem& problem) {
    path_.clear();
    problem_ = &problem;
    return from_map(root_);
  }

 private:
  bool from(Node& node, std::string_view key) {
    if (node.is_map()) return from_map(node);
    return node.is_list() && from_list(node, key);
  }

  bool from_map(Node& map) {
    for (std::size_t i = 0; i < map.members.size(); ++i) {
      auto& [key, value] = map.members[i];
      const bool here = same(key.place, problem_->place) || same(value.place, problem_->place);
      path_.push_back(key.scalar);
      // Removes an object whose part is missing as a whole; of other errors, as little as possible.
      const bool outer = here && problem_->incomplete;
      if (!outer && from(value, key.scalar)) return true;
      if (here) {
        note();
        map.members.erase(map.members.begin() + static_cast<std::ptrdiff_t>(i));
        return true;
      }
      path_.pop_back();
    }
    return false;
  }

  bool from_list(Node& list, std::string_view key) {
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      Node& item = list.items[i];
      const bool here = same(item.place, problem_->place);
      path_.emplace_back();
      const bool outer = here && problem_->incomplete;
      if (!outer && from(item, "")) return true;
      if (here && lists_steps(key)) {
        item = stand_in(item);
        return true;
      }
      if (here) {
        note();
        list.items.erase(list.items.begin() + static_cast<std::ptrdiff_t>(i));
        return true;
      }
      path_.pop_back();
    }
    return false;
  }

  void note() {
    if (path_.size() == 1) unread_.insert(path_[0] + "/*");
    // `sourcs`: what it holds is there, and only its name is wrong.
    if (path_.size() == 1 && std::find(sections_.begin(), sections_.end(), path_[0]) == sections_.end())
      unread_.insert(nearest(path_[0], sections_) + "/*");
    if (path_.size() == 2) unread_.insert(path_[0] + "/" + path_[1]);
    // An entry of a list has no name here: what it was called, others may say.
    if (path_.size() == 3 && path_[2].empty()) unread_.insert(path_[0] + "/" + path_[1]);
    if (path_.size() > 2) unread_.insert(path_[0] + "/" + path_[1] + "/" + path_[2]);
  }

  Node& root_;
  Unread& unread_;
  const Problem* problem_ = nullptr;
  std::vector<std::string> path_;
  std::vector<std::string> sections_;  // that a configuration has
};

}  // namespace

bool take_valid(Node& root, const json::value& schema, bool complete, Unread& unread, Problems& problems) {
  Problems all;
  lang::check_against(root, schema, all);
  for (const Problem& problem : all) {
    if (complete || !problem.incomplete) problems.push_back(problem);
  }
  for (int round = 0; round < kRoundsMax; ++round) {
    Problems found;
    lang::check_against(root, schema, found);
    std::erase_if(found, [](const Problem& p) { return p.warning; });
    if (found.empty()) return true;
    bool taken = false;
    Taker taker(root, schema, unread);
    for (const Problem& problem : found)
      taken = taker.take(problem) || taken;
    if (!taken) return false;
  }
  return false;
}

}  // namespace postlude::app
