#include "http/room.h"

#include <gtest/gtest.h>

#include <vector>

namespace postlude::http {
namespace {

using std::chrono::seconds;

TEST(Room, says_who_goes_first) {
  Room room(7, 1000);
  std::array<Room::Guest, 7> guests;
  const Stage stages[] = {Stage::kWriting, Stage::kDraining, Stage::kBody, Stage::kHead,
                          Stage::kSilent,  Stage::kIdle,     Stage::kIdle};
  // The body began before the head, and the head before the silence.
  for (std::size_t i = 0; i < guests.size(); ++i)
    room.come(guests.at(i), stages[i], seconds(static_cast<int>(i)));
  EXPECT_TRUE(room.full());
  for (const std::size_t expected : {5U, 6U, 2U, 3U, 4U, 1U, 0U}) {
    ASSERT_EQ(room.next_to_go(), &guests.at(expected)) << expected;
    room.leave(guests.at(expected));
    EXPECT_FALSE(room.full());
  }
  EXPECT_EQ(room.next_to_go(), nullptr);
  EXPECT_EQ(room.connections(), 0U);
}

TEST(Room, leaves_alone_who_is_being_answered) {
  Room room(1, 1000);
  Room::Guest guest;
  room.come(guest, Stage::kBody, seconds(1));
  room.move(guest, Stage::kNone, seconds(2));
  EXPECT_TRUE(room.full());
  EXPECT_EQ(room.next_to_go(), nullptr);
  room.move(guest, Stage::kIdle, seconds(3));
  EXPECT_EQ(room.next_to_go(), &guest);
}

TEST(Room, counts_age_from_the_stage_that_was_entered_last) {
  Room room(2, 1000);
  Room::Guest a, b;
  room.come(a, Stage::kIdle, seconds(1));
  room.come(b, Stage::kSilent, seconds(2));
  room.move(a, Stage::kHead, seconds(3));  // it idled for long, its request is new
  EXPECT_EQ(room.next_to_go(), &b);
  room.move(b, Stage::kSilent, seconds(4));  // nothing has changed
  EXPECT_EQ(room.next_to_go(), &b);
}

TEST(Room, refuses_the_oldest_unfinished_request_when_it_is_heavy) {
  Room room(10, 100);
  Room::Guest head, old_body, body, handled, silent;
  room.come(handled, Stage::kNone, seconds(0));
  room.come(silent, Stage::kSilent, seconds(0));
  room.come(old_body, Stage::kBody, seconds(1));
  room.come(head, Stage::kHead, seconds(2));
  room.come(body, Stage::kBody, seconds(3));
  room.weigh(head, 30);
  room.weigh(old_body, 40);
  room.weigh(body, 30);
  EXPECT_FALSE(room.heavy());
  room.weigh(body, 31);
  EXPECT_TRUE(room.heavy());
  EXPECT_EQ(room.next_to_refuse(), &old_body);
  room.leave(old_body);
  EXPECT_EQ(room.bytes(), 61U);
  EXPECT_FALSE(room.heavy());
  EXPECT_EQ(room.next_to_refuse(), &head);
  room.move(head, Stage::kDraining, seconds(4));
  EXPECT_EQ(room.next_to_refuse(), &body);
  room.leave(body);
  EXPECT_EQ(room.next_to_refuse(), nullptr);
}

TEST(Room, takes_no_notice_of_who_has_left) {
  Room room(1, 100);
  Room::Guest guest;
  room.come(guest, Stage::kSilent, seconds(1));
  room.leave(guest);
  room.leave(guest);
  room.move(guest, Stage::kBody, seconds(2));
  room.weigh(guest, 50);
  EXPECT_EQ(room.connections(), 0U);
  EXPECT_EQ(room.bytes(), 0U);
  EXPECT_EQ(room.next_to_go(), nullptr);
}

}  // namespace
}  // namespace postlude::http
