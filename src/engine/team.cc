#include "engine/team.h"

#include <algorithm>
#include <bitset>

#include "base/text.h"
#include "model/pattern.h"

namespace postlude::engine {

namespace {

// A glob's part: one character of a set, or any number of any.
struct Part {
  std::bitset<128> set;
  bool star = false;
};

std::vector<Part> parts_of(std::string_view glob) {
  std::vector<Part> parts;
  for (std::size_t at = 0; at < glob.size();) {
    Part part;
    std::size_t size = 1;
    if (glob[at] == '*') {
      part.star = true;
    } else {
      if (glob[at] == '\\' && at + 1 < glob.size()) size = 2;
      if (glob[at] == '[') {
        const std::size_t end = glob.find(']', at + 2);
        if (end != std::string_view::npos) size = end + 1 - at;
      }
      for (unsigned char c = 1; c < 128; ++c) {
        const char one = static_cast<char>(c);
        part.set[c] = glob_match(glob.substr(at, size), std::string_view(&one, 1));
      }
    }
    parts.push_back(part);
    at += size;
  }
  return parts;
}

// Whether some text matches both, by going through both side by side.
bool globs_overlap(std::string_view a, std::string_view b) {
  const std::vector<Part> left = parts_of(a);
  const std::vector<Part> right = parts_of(b);
  std::vector<std::vector<bool>> meet(left.size() + 1, std::vector<bool>(right.size() + 1));
  meet[0][0] = true;
  for (std::size_t i = 0; i <= left.size(); ++i) {
    for (std::size_t j = 0; j <= right.size(); ++j) {
      const bool left_star = i < left.size() && left[i].star;
      const bool right_star = j < right.size() && right[j].star;
      if (!meet[i][j]) continue;
      if (left_star) meet[i + 1][j] = true;
      if (right_star) meet[i][j + 1] = true;
      if (left_star && j < right.size()) meet[i][j + 1] = true;
      if (right_star && i < left.size()) meet[i + 1][j] = true;
      const bool both = i < left.size() && j < right.size() && !left_star && !right_star;
      if (both && (left[i].set & right[j].set).any()) meet[i + 1][j + 1] = true;
    }
  }
  return meet[left.size()][right.size()];
}

// If a glob excludes something (`!glob`), an overlap cannot be decided simply, so none is reported.
bool any_overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto excludes = [](const std::string& glob) { return glob.starts_with('!'); };
  if (std::any_of(a.begin(), a.end(), excludes) || std::any_of(b.begin(), b.end(), excludes)) return false;
  return std::any_of(a.begin(), a.end(), [&b](const std::string& left) {
    return std::any_of(b.begin(), b.end(),
                       [&left](const std::string& right) { return globs_overlap(left, right); });
  });
}

}  // namespace

bool Team::owns(std::string_view cluster, std::string_view name_space) const {
  return globs_match(namespaces, name_space) && (clusters.empty() || globs_match(clusters, cluster));
}

const Team* team_of(const std::vector<Team>& teams, std::string_view cluster, std::string_view name_space) {
  const auto found = std::find_if(teams.begin(), teams.end(),
                                  [&](const Team& team) { return team.owns(cluster, name_space); });
  return found == teams.end() ? nullptr : &*found;
}

bool overlap(const Team& a, const Team& b) {
  const bool clusters = a.clusters.empty() || b.clusters.empty() || any_overlap(a.clusters, b.clusters);
  return clusters && any_overlap(a.namespaces, b.namespaces);
}

}  // namespace postlude::engine
