#pragma once
// Room: how many connections a listener keeps, and how many bytes of unread requests; and whom it lets go
// when there are too many. No socket, no clock.
//
// A new connection is always let in while another can go for it: first one that idles after an answer, the
// longest idle first; then one whose request has not come whole, the oldest first; then one that is only
// drained, or that does not read its answer. Whoever is being answered stays.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <list>

#include "base/time.h"

namespace postlude::http {

// Where a connection stands, as far as room is concerned. kNone: being answered, or gone.
enum class Stage : std::uint8_t { kIdle = 0, kSilent, kHead, kBody, kDraining, kWriting, kNone };
constexpr std::size_t kStages = 6;
const char* name_of(Stage stage);

class Room {
 public:
  // What the room knows of one connection, which owns it.
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
  void weigh(Guest& guest, std::size_t bytes);  // so many of it are kept just now

  std::size_t connections() const { return connections_; }
  std::size_t bytes() const { return bytes_; }
  bool full() const { return connections_ >= connections_max_; }
  bool heavy() const { return bytes_ > bytes_max_; }

  // Who is to go so that another may come; nullptr: everybody is being answered.
  Guest* next_to_go() const;
  // Whose request is to be refused while the room is heavy(); nullptr: nobody's.
  Guest* next_to_refuse() const;

 private:
  std::list<Guest*>& queue(Stage stage) { return queues_.at(static_cast<std::size_t>(stage)); }
  Guest* first(Stage stage) const;
  Guest* oldest(std::initializer_list<Stage> stages) const;

  std::size_t connections_max_, bytes_max_;
  std::size_t connections_ = 0, bytes_ = 0;
  std::array<std::list<Guest*>, kStages> queues_;  // the oldest first
};

}  // namespace postlude::http
