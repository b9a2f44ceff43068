#pragma once
// Settings: the configurations that seeds draw from: workflows over all that contract 7 and 9 promise, and
// who runs on what, told independently of the product.

#include <memory>
#include <string>
#include <vector>

#include "pipeline/rules.h"

namespace postlude::sim {

constexpr Duration kTimeout = std::chrono::seconds(10);     // of every request
constexpr Duration kIndexLag = std::chrono::seconds(30);    // `lookupAfter` of sim/make
constexpr Duration kShortWindow = std::chrono::minutes(2);  // `keyWindow` of sim/short
constexpr Duration kLongWindow = std::chrono::hours(24);    // of http/request
constexpr std::string_view kToken = "***";                  // what every secret is in a rehearsal
constexpr std::size_t kRevisions = 2;                       // of each configuration

// What the world knows of an event.
struct Fact {
  std::string hook, phase, name_space;
};

struct Flow {
  std::string name;
  std::string text;  // YAML; $BY(step), $EACH(step) and $REV are filled in
  bool post_rollout = true;
  bool failures = false;  // also Failed
  Duration max_age = std::chrono::hours(24);

  bool runs_on(const Fact& fact) const {
    if (fact.hook != (post_rollout ? "post-rollout" : "event")) return false;
    return failures || !post_rollout || fact.phase == "Succeeded";
  }
};

struct Setting {
  std::vector<const Flow*> flows;
  std::vector<std::shared_ptr<const pipeline::Rules>> revisions;  // the workflows were edited in between
};

const std::vector<Flow>& flows();
std::size_t settings_count();
const Setting& setting(std::size_t which);  // built once; CHECKs that it is right

}  // namespace postlude::sim
