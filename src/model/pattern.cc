#include "model/pattern.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace postlude {

namespace {

constexpr std::string_view kUnchanged = "unchanged";
constexpr std::size_t kShownMax = 100;  // of a value in a message

std::string shown(std::string_view value) {
  return value.empty() ? "empty" : shortened(value, kShownMax);
}

std::string wanted(const std::vector<std::string>& globs) {
  std::vector<std::string> some;
  std::vector<std::string> none;
  for (const std::string& glob : globs)
    (glob.starts_with('!') ? none : some).push_back(glob.starts_with('!') ? glob.substr(1) : glob);
  std::string text = "wanted " + join(some, " or ");
  if (none.empty()) return text;
  return (some.empty() ? std::string("wanted any") : text) + " but not " + join(none, " or ");
}

// Only where a cluster told of the release; most events are not read for it.
std::string release_kind(const Event& event) {
  if (event.release.empty()) return {};
  const auto release = parse_json(event.release);
  return release ? std::string(find_text(*release, "kind")) : std::string();
}

}  // namespace

Facts facts_of(const Event& event) {
  Facts facts;  // not as a list of pairs, which would be copied
  facts.emplace("source", event.source);
  facts.emplace("hook", event.hook);
  facts.emplace("phase", event.phase);
  facts.emplace("outcome", event.outcome);
  facts.emplace("team", event.team);
  facts.emplace("cluster", event.cluster);
  facts.emplace("namespace", event.name_space);
  facts.emplace("name", event.name);
  if (std::string kind = release_kind(event); !kind.empty()) facts.emplace("kind", std::move(kind));
  const auto metadata = parse_json(event.metadata);
  if (!metadata || !metadata->is_object()) return facts;
  for (const auto& member : metadata->get_object()) {
    if (!member.value().is_string()) continue;
    facts.emplace("metadata." + std::string(member.key()), view(member.value().get_string()));
  }
  return facts;
}

bool globs_match(const std::vector<std::string>& globs, std::string_view value) {
  bool some = false;
  bool met = false;
  for (const std::string& glob : globs) {
    if (glob.starts_with('!')) {
      if (glob_match(std::string_view(glob).substr(1), value)) return false;
    } else {
      some = true;
      met = met || glob_match(glob, value);
    }
  }
  return some ? met : !value.empty();
}

std::string mismatch(const Pattern& pattern, const Facts& facts) {
  bool unchanged_named = false;
  std::vector<std::string> why;
  for (const auto& [field, globs] : pattern.fields) {
    const auto fact = facts.find(field);
    if (fact == facts.end()) {
      why.push_back(field + (field.starts_with("metadata.") ? " is missing, " : " is not known, ") +
                    wanted(globs));
      continue;
    }
    const std::string& value = fact->second;
    if (!globs_match(globs, value)) why.push_back(field + " is " + shown(value) + ", " + wanted(globs));
    if (field == "outcome")
      unchanged_named = std::find(globs.begin(), globs.end(), kUnchanged) != globs.end();
  }
  const auto outcome = facts.find("outcome");
  if (outcome != facts.end() && outcome->second == kUnchanged && !unchanged_named)
    why.emplace_back("outcome is unchanged, which matches only where it is named");
  return join(why, "; ");
}

}  // namespace postlude
