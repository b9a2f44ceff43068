#pragma once
// Room: limits the number of a listener's connections and the bytes of its unread requests, and chooses the
// connections to close when there are too many. No socket, no clock.
//
// A new connection is accepted as long as another can be closed for it: first a connection that is idle after
// an answer, the longest idle first; then one whose request is incomplete, the oldest first; then one that is
// being drained, or whose peer does not read its answer. A connection whose request is being handled stays.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <list>

#include "base/time.h"

namespace postlude::http {

// The stage of a connection, as far as room is concerned. kNone: its request is being handled, or it is gone.
enum class Stage : std::uint8_t { kIdle = 0, kSilent, kHead, kBody, kDraining, kWriting, kNone };
constexpr std::size_t kStages = 6;
const char* name_of(Stage stage);

class Room {
 public:
  // The room's data about one connection, which owns this object.
  struct Guest {
    Stage stage = Stage::kNone;
    Duration since{};
    std::size_t bytes = 0;
    bool inside = false;
    std::list<Guest*>::iterator place = {};
  };

  Room(std::size_t connections_max, std::size_t bytes_max)
      : connections_max_(connections_max), bytes_max_(bytes_max) {}

  void come(Guest& guest, Stage stage, Duration now);
  void move(Guest& guest, Stage stage, Duration now);
  void leave(Guest& guest);                     // its descriptor is free again
  void weigh(Guest& guest, std::size_t bytes);  // sets the number of bytes stored for it

  std::size_t connections() const { return connections_; }
  std::size_t bytes() const { return bytes_; }
  bool full() const { return connections_ >= connections_max_; }
  bool heavy() const { return bytes_ > bytes_max_; }

  // The connection to close for a new one; nullptr: none can be closed.
  Guest* next_to_go() const;
  // The connection whose request is refused while the room is heavy(); nullptr: none.
  Guest* next_to_refuse() const;

 private:
  std::list<Guest*>& queue(Stage stage) { return queues_.at(static_cast<std::size_t>(stage)); }
  Guest* first(Stage stage) const;
  Guest* oldest(std::initializer_list<Stage> stages) const;

  std::size_t connections_max_, bytes_max_;
  std::size_t connections_ = 0, bytes_ = 0;
  std::array<std::list<Guest*>, kStages> queues_;  // oldest first
};

}  // namespace postlude::http
