#include "api/repeats.h"

namespace postlude::api {

namespace {

constexpr std::size_t kEntriesMax = 1'000;
constexpr std::size_t kBytesMax = 4U << 20U;  // of answers
constexpr Duration kFor = std::chrono::hours(24);

std::string name_of(const std::string& caller, const std::string& key) {
  return std::to_string(caller.size()) + ':' + caller + key;
}

}  // namespace

void Repeats::forget(std::list<Entry>::iterator entry) {
  bytes_ -= entry->answer.body.size();
  by_name_.erase(entry->name);
  entries_.erase(entry);
}

Repeats::Seen Repeats::begin(const std::string& caller, const std::string& key, const std::string& digest,
                             Instant now) {
  while (!entries_.empty() && now - entries_.front().at > kFor)
    forget(entries_.begin());
  const std::string name = name_of(caller, key);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    const Entry& entry = *found->second;
    if (entry.digest != digest) return Other{};
    if (!entry.answered) return UnderWay{};
    return entry.answer;
  }
  if (entries_.size() >= kEntriesMax) forget(entries_.begin());
  entries_.push_back({name, digest, now, false, {}});
  by_name_[name] = std::prev(entries_.end());
  return Fresh{};
}

void Repeats::keep(const std::string& caller, const std::string& key, const HttpResponse& answer) {
  const auto found = by_name_.find(name_of(caller, key));
  if (found == by_name_.end()) return;  // crowded out meanwhile
  found->second->answered = true;
  found->second->answer = answer;
  bytes_ += answer.body.size();
  while (bytes_ > kBytesMax && entries_.size() > 1)
    forget(entries_.begin());
}

void Repeats::drop(const std::string& caller, const std::string& key) {
  const auto found = by_name_.find(name_of(caller, key));
  if (found != by_name_.end()) forget(found->second);
}

}  // namespace postlude::api
