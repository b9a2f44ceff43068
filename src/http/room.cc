#include "http/room.h"

#include "base/check.h"

namespace postlude::http {

const char* name_of(Stage stage) {
  switch (stage) {
    case Stage::kIdle:
      return "idle";
    case Stage::kSilent:
      return "silent";
    case Stage::kHead:
      return "head";
    case Stage::kBody:
      return "body";
    case Stage::kDraining:
      return "drained";
    case Stage::kWriting:
      return "not reading";
    case Stage::kNone:
      break;
  }
  return "answered";
}

void Room::come(Guest& guest, Stage stage, Duration now) {
  CHECK(!guest.inside);
  guest.inside = true;
  ++connections_;
  move(guest, stage, now);
}

void Room::move(Guest& guest, Stage stage, Duration now) {
  if (!guest.inside || guest.stage == stage) return;
  if (guest.stage != Stage::kNone) queue(guest.stage).erase(guest.place);
  guest.stage = stage;
  guest.since = now;
  if (stage != Stage::kNone) guest.place = queue(stage).insert(queue(stage).end(), &guest);
}

void Room::leave(Guest& guest) {
  if (!guest.inside) return;
  move(guest, Stage::kNone, guest.since);
  weigh(guest, 0);
  guest.inside = false;
  --connections_;
}

void Room::weigh(Guest& guest, std::size_t bytes) {
  if (!guest.inside) return;
  bytes_ += bytes;
  bytes_ -= guest.bytes;
  guest.bytes = bytes;
}

Room::Guest* Room::first(Stage stage) const {
  const auto& all = queues_.at(static_cast<std::size_t>(stage));
  return all.empty() ? nullptr : all.front();
}

Room::Guest* Room::oldest(std::initializer_list<Stage> stages) const {
  Guest* found = nullptr;
  for (const Stage stage : stages) {
    Guest* one = first(stage);
    if (one != nullptr && (found == nullptr || one->since < found->since)) found = one;
  }
  return found;
}

Room::Guest* Room::next_to_go() const {
  if (Guest* idle = first(Stage::kIdle)) return idle;
  if (Guest* unfinished = oldest({Stage::kSilent, Stage::kHead, Stage::kBody})) return unfinished;
  Guest* drained = first(Stage::kDraining);
  return drained != nullptr ? drained : first(Stage::kWriting);
}

Room::Guest* Room::next_to_refuse() const {
  return oldest({Stage::kHead, Stage::kBody});
}

}  // namespace postlude::http
