// Contract 4: what is a repeat, and what is a new event.

#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Intake : public StoreTest {
 protected:
  // Sends a body at that second as post-rollout; true: it was taken for a repeat.
  bool repeats(std::int64_t second, const std::string& body) {
    const Delivery d = delivery(second, body);
    auto receipt = append(d, last_call(d));
    EXPECT_TRUE(receipt);
    return receipt->duplicate();
  }
  // What a call of the canary tells beside its own identity.
  static Identity tells(const std::string& checksum, bool ends = false) {
    Identity i;
    i.canary = "prod/app";
    i.checksum = checksum;
    i.ends = ends;
    return i;
  }
  // pre-rollout, or another hook, of that checksum; true: it was taken for a repeat.
  bool opens_again(std::int64_t second, const std::string& checksum, const std::string& metadata = "",
                   const std::string& hook = "pre-rollout") {
    Delivery d = delivery(second, checksum + metadata);
    d.hook = hook;
    Identity i = tells(checksum);
    i.kind = Identity::Kind::kUntilEnd;
    i.key = checksum + metadata;
    return append(d, i)->duplicate();
  }
  Identity identity(Identity::Kind kind, const std::string& key, const std::string& digest = "d") {
    Identity i;
    i.kind = kind;
    i.key = key;
    i.digest = digest;
    return i;
  }
};

TEST_P(Intake, a_receipt_names_what_is_on_disk) {
  const Delivery d = delivery(1, R"({"name":"app"})");
  auto receipt = append(d, last_call(d));
  ASSERT_TRUE(receipt);
  EXPECT_FALSE(receipt->duplicate());
  reopen();
  auto stored = driver_.wait(store_->delivery(receipt->delivery()));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->body, d.body);
  EXPECT_EQ(stored->proof, "bearer");
  EXPECT_EQ(stored->headers, d.headers);
  EXPECT_EQ(stored->event, receipt->event());
  auto event = driver_.wait(store_->event(*receipt->event()));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->event.payload, d.body);  // read from the delivery
  EXPECT_EQ(event->event.nonce.size(), 32U);
  EXPECT_EQ(event->event.delivery, receipt->delivery());
  EXPECT_FALSE(event->planned);
}

TEST_P(Intake, an_event_that_nobody_wants_is_planned_with_its_delivery) {
  const Delivery d = delivery(1, "{}");
  std::vector<Planned> plan{{"release", false, "phase is Failed, wanted Succeeded"}};
  auto receipt = driver_.wait(store_->append(intake::Source::authentic(), d, event_of(d), Identity{}, plan));
  ASSERT_TRUE(receipt);
  auto event = driver_.wait(store_->event(*receipt->event()));
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->planned);
  ASSERT_EQ(event->plan.size(), 1U);
  EXPECT_EQ(event->plan[0].workflow, "release");
  EXPECT_EQ(event->plan[0].why, "phase is Failed, wanted Succeeded");
  auto unplanned = driver_.wait(store_->unplanned(10));
  ASSERT_TRUE(unplanned);
  EXPECT_TRUE(unplanned->empty());
  const Status again = driver_.wait(store_->start(*receipt->event(), {}, {}, at(2)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
}

TEST_P(Intake, a_payload_of_its_own_is_kept) {
  const Delivery d = delivery(1, R"({"wrapped":{"name":"app"}})");
  Event e = event_of(d);
  e.payload = R"({"name":"app"})";
  auto receipt = driver_.wait(store_->append(intake::Source::authentic(), d, e, Identity{}));
  ASSERT_TRUE(receipt);
  auto event = driver_.wait(store_->event(*receipt->event()));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->event.payload, e.payload);
}

TEST_P(Intake, a_b_a_runs_three_times_and_a_retry_does_not) {
  EXPECT_FALSE(repeats(0, "A"));
  EXPECT_TRUE(repeats(1, "A"));
  EXPECT_FALSE(repeats(2, "B"));
  EXPECT_FALSE(repeats(3, "A"));
  EXPECT_TRUE(repeats(4, "A"));
  auto events = driver_.wait(store_->events({}, {}));
  ASSERT_TRUE(events);
  EXPECT_EQ(events->size(), 3U);
}

TEST_P(Intake, a_repeat_does_not_renew_the_window) {
  EXPECT_FALSE(repeats(0, "A"));
  EXPECT_TRUE(repeats(27, "A"));
  EXPECT_TRUE(repeats(35, "A"));
  EXPECT_FALSE(repeats(36, "A"));
  EXPECT_TRUE(repeats(71, "A"));
  EXPECT_FALSE(repeats(72, "A"));
}

TEST_P(Intake, a_clock_that_was_ahead_makes_no_repeats) {
  EXPECT_FALSE(repeats(3600, "A"));
  EXPECT_FALSE(repeats(0, "A"));
  EXPECT_TRUE(repeats(1, "A"));
}

TEST_P(Intake, a_clock_that_is_set_back_a_little_hides_no_repeat) {
  EXPECT_FALSE(repeats(20, "A"));
  EXPECT_TRUE(repeats(2, "A"));
}

TEST_P(Intake, a_rejected_one_in_between_does_not_count) {
  EXPECT_FALSE(repeats(0, "A"));
  Delivery forged = delivery(1, "B");
  forged.verdict = Verdict::kRejected;
  ASSERT_TRUE(driver_.wait(store_->append_rejected(forged, Identity())));
  EXPECT_TRUE(repeats(2, "A"));
}

TEST_P(Intake, an_authentic_one_on_any_hook_in_between_counts) {
  EXPECT_FALSE(repeats(0, "A"));
  Delivery poll = delivery(1, "B");
  poll.hook = "confirm-promotion";
  poll.verdict = Verdict::kRejected;
  ASSERT_TRUE(driver_.wait(store_->append_rejected(poll, tells("c1"))));
  EXPECT_FALSE(repeats(2, "A"));

  Delivery told = delivery(3, "C");
  told.hook = "event";
  Identity key = identity(Identity::Kind::kKey, "prod/app/message");
  key.canary = "prod/app";
  ASSERT_TRUE(append(told, key));
  EXPECT_FALSE(repeats(4, "A"));
  EXPECT_TRUE(repeats(5, "A"));

  key.key = "another message";
  key.canary = "";  // one that trails the end it belongs to
  told.received_at = at(6);
  ASSERT_TRUE(append(told, key));
  EXPECT_TRUE(repeats(7, "A"));
}

TEST_P(Intake, another_canary_in_between_does_not_count) {
  EXPECT_FALSE(repeats(0, "A"));
  const Delivery other = delivery(1, "A");
  auto receipt = append(other, last_call(other, "prod/other"));
  ASSERT_TRUE(receipt);
  EXPECT_FALSE(receipt->duplicate());
  EXPECT_TRUE(repeats(2, "A"));
}

TEST_P(Intake, clusters_and_sources_are_apart) {
  EXPECT_FALSE(repeats(0, "A"));
  Delivery d = delivery(1, "A");
  d.cluster = "eu-1";
  EXPECT_FALSE(append(d, last_call(d))->duplicate());
  d.cluster = "";
  d.source = "other";
  EXPECT_FALSE(append(d, last_call(d))->duplicate());
}

TEST_P(Intake, the_memory_of_the_last_call_survives) {
  EXPECT_FALSE(repeats(0, "A"));
  reopen();
  EXPECT_TRUE(repeats(1, "A"));
}

TEST_P(Intake, a_duplicate_has_a_delivery_of_its_own_and_the_first_event) {
  const Delivery d = delivery(0, "A");
  auto first = append(d, last_call(d));
  auto again = append(d, last_call(d));
  ASSERT_TRUE(first && again);
  EXPECT_NE(first->delivery(), again->delivery());
  EXPECT_EQ(first->event(), again->event());
  auto stored = driver_.wait(store_->delivery(again->delivery()));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->verdict, Verdict::kDuplicate);
  EXPECT_EQ(stored->status, 200);
  auto event = driver_.wait(store_->event(*first->event()));
  ASSERT_TRUE(event);
  ASSERT_EQ(event->deliveries.size(), 2U);
  EXPECT_EQ(event->deliveries[0].id, first->delivery());
  EXPECT_EQ(event->deliveries[0].body, "");
  EXPECT_EQ(event->deliveries[1].id, again->delivery());
  ASSERT_TRUE(append(delivery(1, "B"), last_call(delivery(1, "B"))));
  Filter of;
  of.event = first->event()->value;
  auto listed = driver_.wait(store_->deliveries(of, {}));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ(listed->at(0).id, again->delivery());
  EXPECT_EQ(listed->at(1).id, first->delivery());
}

TEST_P(Intake, a_senders_id_decides_and_another_body_conflicts) {
  const Delivery d = delivery(0, "A");
  auto first = append(d, identity(Identity::Kind::kSenderId, "id-1", "A"));
  ASSERT_TRUE(first);
  auto again = append(delivery(90'000, "A"), identity(Identity::Kind::kSenderId, "id-1", "A"));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate());
  auto other = append(delivery(90'001, "B"), identity(Identity::Kind::kSenderId, "id-1", "B"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kConflict);
  Filter rejected;
  rejected.verdict = "rejected";
  auto kept = driver_.wait(store_->deliveries(rejected, {}));
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1U);
  EXPECT_EQ((*kept)[0].status, 422);
  EXPECT_FALSE((*kept)[0].event);
  // Its scope is the source and the hook.
  Delivery elsewhere = delivery(90'002, "B");
  elsewhere.hook = "event";
  EXPECT_FALSE(append(elsewhere, identity(Identity::Kind::kSenderId, "id-1", "B"))->duplicate());
}

TEST_P(Intake, a_key_holds_for_good_and_within_its_cluster) {
  Delivery d = delivery(0, "A");
  d.hook = "event";
  EXPECT_FALSE(append(d, identity(Identity::Kind::kKey, "k"))->duplicate());
  d.received_at = at(1'000'000);
  EXPECT_TRUE(append(d, identity(Identity::Kind::kKey, "k", "other"))->duplicate());
  EXPECT_FALSE(
      append(d, identity(Identity::Kind::kSenderId, "k"))->duplicate());  // not the same kind of name
  d.cluster = "eu-1";
  EXPECT_FALSE(append(d, identity(Identity::Kind::kKey, "k"))->duplicate());
}

TEST_P(Intake, an_opening_is_one_event_until_the_end) {
  EXPECT_FALSE(opens_again(0, "A"));
  EXPECT_TRUE(opens_again(500, "A"));
  EXPECT_TRUE(opens_again(7200, "A"));  // however long an interval is
  EXPECT_FALSE(opens_again(7201, "A", "", "rollout"));
  EXPECT_FALSE(opens_again(7202, "A", "other metadata"));
  EXPECT_TRUE(opens_again(7203, "A"));
  EXPECT_FALSE(repeats(7204, "end"));
  EXPECT_FALSE(opens_again(7205, "A"));
  Delivery unwanted = delivery(7206, "end");
  unwanted.verdict = Verdict::kFiltered;
  ASSERT_TRUE(driver_.wait(store_->append_rejected(unwanted, tells("A", true))));
  EXPECT_FALSE(opens_again(7207, "A"));
  Identity with_id = tells("A", true);
  with_id.kind = Identity::Kind::kSenderId;
  with_id.key = "id-9";
  ASSERT_TRUE(append(delivery(7208, "end"), with_id));
  EXPECT_FALSE(opens_again(7209, "A"));
}

TEST_P(Intake, another_checksum_closes_an_opening) {
  EXPECT_FALSE(opens_again(0, "B"));
  EXPECT_FALSE(opens_again(1, "C"));
  EXPECT_FALSE(opens_again(2, "B"));
  EXPECT_TRUE(opens_again(3, "B"));
  reopen();
  EXPECT_TRUE(opens_again(4, "B"));
  // Whichever hook tells of it, and whether or not it is wanted.
  Delivery poll = delivery(5, "C");
  poll.hook = "confirm-promotion";
  ASSERT_TRUE(driver_.wait(store_->append_rejected(poll, tells("B"))));
  EXPECT_TRUE(opens_again(6, "B"));
  ASSERT_TRUE(driver_.wait(store_->append_rejected(poll, tells("C"))));
  EXPECT_FALSE(opens_again(7, "B"));
  // One that tells of none closes nothing: before 1.34 Flagger sent no checksum.
  ASSERT_TRUE(driver_.wait(store_->append_rejected(poll, tells(""))));
  EXPECT_TRUE(opens_again(8, "B"));
  ASSERT_TRUE(driver_.wait(store_->append_rejected(poll, Identity())));
  EXPECT_TRUE(opens_again(9, "B"));
}

// A gateway that sometimes loses the header.
TEST_P(Intake, a_call_without_its_senders_id_is_the_same_call) {
  const auto with_id = [&](std::int64_t second, const std::string& body, const std::string& id) {
    const Delivery d = delivery(second, body);
    Identity i = last_call(d);
    i.kind = Identity::Kind::kSenderId;
    i.key = id;
    return append(d, i)->duplicate();
  };
  EXPECT_FALSE(with_id(0, "A", "1"));
  EXPECT_TRUE(with_id(1, "A", "1"));
  EXPECT_TRUE(repeats(2, "A"));
  EXPECT_FALSE(repeats(36, "A")) << "the window is over";
  EXPECT_FALSE(with_id(37, "B", "2"));
  EXPECT_FALSE(repeats(38, "A")) << "another call came in between";
  EXPECT_FALSE(with_id(39, "C", "3"));
  EXPECT_TRUE(with_id(40, "B", "2"));
  EXPECT_FALSE(repeats(41, "C")) << "an older call that comes again is another one in between";
  EXPECT_FALSE(with_id(42, "C", "4")) << "the id decides";
}

// Whoever has seen a call that signs its body only may send it again under any id.
TEST_P(Intake, an_id_that_is_not_proved_makes_two_calls_one_and_never_one_two) {
  const auto call = [&](std::int64_t second, const std::string& body, const std::string& id) {
    const Delivery d = delivery(second, body);
    Identity i = last_call(d);
    i.unproved = id;
    return append(d, i);
  };
  const auto first = call(0, "A", "github:1");
  ASSERT_TRUE(first);
  EXPECT_TRUE(call(1, "A", "github:2")->duplicate());
  EXPECT_FALSE(call(2, "B", "github:3")->duplicate());
  const auto again = call(90'000, "A", "github:1");  // redelivered a day later
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate());
  EXPECT_EQ(again->event(), first->event());
  EXPECT_EQ(call(90'001, "C", "github:1").error().code, Code::kConflict);
  EXPECT_FALSE(call(90'002, "A", "github:4")->duplicate());  // A again, with B in between
}

TEST_P(Intake, concurrent_equal_calls_are_one_event) {
  std::vector<rt::Task<Result<Receipt>>> calls;
  for (int i = 0; i < 200; ++i) {
    const Delivery d = delivery(i % 30, "A");
    calls.push_back(store_->append(intake::Source::authentic(), d, event_of(d), last_call(d)));
  }
  const auto receipts = driver_.wait_all(std::move(calls));
  int fresh = 0;
  for (const auto& receipt : receipts) {
    ASSERT_TRUE(receipt);
    if (!receipt->duplicate()) ++fresh;
    EXPECT_EQ(receipt->event(), receipts[0]->event());
  }
  EXPECT_EQ(fresh, 1);
  EXPECT_LT(store_->stats().commits, 200U);
}

TEST_P(Intake, ids_go_on_after_a_restart) {
  const EventId before = add_event(0);
  reopen();
  EXPECT_GT(add_event(1), before);
}

TEST_P(Intake, lists_are_filtered_and_paged) {
  std::vector<EventId> made;
  made.reserve(7);
  for (int i = 0; i < 7; ++i)
    made.push_back(add_event(i, i % 2 == 0 ? "even" : "odd"));
  Filter even;
  even.name = "even";
  even.name_space = "prod";
  auto page = driver_.wait(store_->events(even, {2, 0}));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->size(), 2U);
  EXPECT_EQ((*page)[0].id, made[6]);
  EXPECT_EQ((*page)[1].id, made[4]);
  page = driver_.wait(store_->events(even, {50, made[4].value}));
  ASSERT_EQ(page->size(), 2U);
  EXPECT_EQ((*page)[0].id, made[2]);
  auto deliveries = driver_.wait(store_->deliveries(even, {}));
  ASSERT_TRUE(deliveries);
  EXPECT_EQ(deliveries->size(), 4U);
  Filter wrong;
  wrong.verdict = "lost";
  EXPECT_EQ(driver_.wait(store_->deliveries(wrong, {})).error().code, Code::kInvalid);
  EXPECT_EQ(driver_.wait(store_->delivery(DeliveryId{12345})).error().code, Code::kNotFound);
  EXPECT_EQ(driver_.wait(store_->event(EventId{12345})).error().code, Code::kNotFound);
}

// A body that is no text is kept as it came; PostgreSQL would refuse it in a text column.
TEST_P(Intake, a_body_that_is_no_text_is_kept_as_it_came) {
  using std::string_view_literals::operator""sv;
  Delivery broken = delivery(0, std::string("{\"name\": \"caf\xE9\0\"}"sv));
  broken.verdict = Verdict::kRejected;
  broken.status = 400;
  broken.reason = "the body is not UTF-8: caf\xE9";
  const auto id = driver_.wait(store_->append_rejected(broken, Identity{}));
  ASSERT_TRUE(id);
  reopen();
  const auto shown = driver_.wait(store_->delivery(*id));
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->body, broken.body);
  EXPECT_EQ(shown->reason, "the body is not UTF-8: caf\xEF\xBF\xBD");
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
}

INSTANTIATE_TEST_SUITE_P(Store, Intake, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
