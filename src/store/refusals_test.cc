// What refused calls and repeats leave behind; and that lists stay small, whatever is in the rows.

#include "sql/sql.h"
#include "store/memory.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

class Refusals : public StoreTest {
 protected:
  static Delivery refused(std::int64_t second, int status, const std::string& proof) {
    Delivery d = delivery(second, proof.empty() ? "" : "{}");
    d.verdict = Verdict::kRejected;
    d.status = status;
    d.proof = proof;
    d.reason = "refused";
    return d;
  }
  DeliveryId keep(const Delivery& d, const std::string& canary = "") {
    Identity named;
    named.named = named.canary = canary;
    auto id = driver_.wait(store_->append_rejected(d, named));
    EXPECT_TRUE(id);
    return id ? *id : DeliveryId{};
  }
  std::size_t rows() {
    std::size_t count = 0;
    Page page{1000, 0};
    while (true) {
      const auto list = driver_.wait(store_->deliveries({}, page));
      EXPECT_TRUE(list);
      count += list->size();
      if (list->size() < page.limit) return count;
      page.after = list->back().id.value;
    }
  }
  std::int64_t audit_rows() {
    std::int64_t count = 0;
    const auto look = [&](sql::Connection& db) {
      EXPECT_TRUE(
          db.each("SELECT count(*) FROM audit", {}, [&](const sql::Row& row) { count = row.integer(0); }));
    };
    if (memory_ != nullptr) {
      look(memory_->db());
    } else {
      const auto db = sql::open_sqlite(folder_.file("a.db"), {true, true, 0});
      EXPECT_TRUE(db);
      look(**db);
    }
    return count;
  }
  std::int64_t bytes() { return driver_.wait(store_->counts())->bytes; }
  Delivery shown(DeliveryId id) {
    auto row = driver_.wait(store_->delivery(id));
    EXPECT_TRUE(row);
    return row ? *row : Delivery();
  }
};

TEST_P(Refusals, those_of_strangers_are_kept_up_to_a_number_the_newest_of_them) {
  const EventId event = add_event(0);
  const DeliveryId own = keep(refused(0, 400, "bearer"));
  const DeliveryId first = keep(refused(1, 401, ""));
  DeliveryId last;
  for (std::size_t i = 0; i < kStrangersKept + 300; ++i)
    last = keep(refused(2, i % 2 == 0 ? 404 : 429, i % 2 == 0 ? "" : "bearer"));
  EXPECT_LE(rows(), kStrangersKept + 2 + 32);
  EXPECT_GE(rows(), kStrangersKept + 2);
  EXPECT_FALSE(driver_.wait(store_->delivery(first)));
  EXPECT_EQ(shown(last).status, 429);
  EXPECT_EQ(shown(own).status, 400) << "somebody known is to mend that one";
  EXPECT_TRUE(driver_.wait(store_->event(event)));
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");
}

TEST_P(Refusals, strangers_write_nothing_into_the_audit) {
  (void)keep(refused(1, 401, ""));
  const std::int64_t before = audit_rows();
  for (int i = 0; i < 5; ++i)
    (void)keep(refused(2, 401, ""));
  EXPECT_EQ(audit_rows(), before);
  (void)keep(refused(3, 400, "bearer"));
  EXPECT_EQ(audit_rows(), before + 1);
}

TEST_P(Refusals, equal_ones_of_a_canary_are_counted_with_the_first) {
  Delivery poll = refused(10, 403, "bearer");
  poll.hook = "confirm-rollout";
  const DeliveryId first = keep(poll, "prod/app");
  const std::int64_t audited = audit_rows();
  for (int i = 1; i <= 5; ++i) {
    poll.received_at = at(10 + i);
    EXPECT_EQ(keep(poll, "prod/app"), first);
  }
  EXPECT_EQ(rows(), 1U);
  EXPECT_EQ(audit_rows(), audited);
  EXPECT_EQ(shown(first).repeats, 5);
  EXPECT_EQ(shown(first).last_at, at(15));
  EXPECT_EQ(driver_.wait(store_->deliveries({}, {}))->at(0).repeats, 5);

  EXPECT_NE(keep(poll, "prod/other"), first) << "another canary";
  EXPECT_EQ(keep(poll, "prod/app"), first);
  Delivery other = poll;
  other.hook = "rollback";
  EXPECT_NE(keep(other, "prod/app"), first) << "another hook";
  other = poll;
  other.reason = "another reason";
  const DeliveryId second = keep(other, "prod/app");
  EXPECT_NE(second, first);
  EXPECT_NE(keep(poll, "prod/app"), first) << "no longer the last one";
  reopen();
  poll.received_at = at(20);
  const DeliveryId third = keep(poll, "prod/app");
  EXPECT_EQ(shown(third).repeats, 1) << "the store remembers";
  poll.received_at = at(20 + 3600);
  EXPECT_NE(keep(poll, "prod/app"), third) << "one an hour at least shows that it goes on";
}

TEST_P(Refusals, one_that_was_taken_in_between_ends_the_count) {
  Delivery wrong = refused(10, 403, "bearer");
  const DeliveryId first = keep(wrong, "prod/app");
  const Delivery taken = delivery(11, R"({"a":1})");
  ASSERT_TRUE(append(taken, last_call(taken)));
  wrong.received_at = at(12);
  EXPECT_NE(keep(wrong, "prod/app"), first);
}

TEST_P(Refusals, counts_go_with_what_they_count) {
  Delivery poll = refused(10, 403, "bearer");
  const DeliveryId first = keep(poll, "prod/app");
  EXPECT_EQ(keep(poll, "prod/app"), first);
  ASSERT_TRUE(driver_.wait(store_->prune(at(1000), at(1000))));
  EXPECT_EQ(rows(), 0U);
  poll.received_at = at(11);
  EXPECT_NE(keep(poll, "prod/app"), first);
  EXPECT_EQ(rows(), 1U);
}

TEST_P(Refusals, a_repeat_shares_the_body_and_shows_it) {
  const std::string body = R"({"x":")" + std::string(100'000, 'b') + R"("})";
  const Delivery d = delivery(1, body);
  const auto first = append(d, last_call(d));
  ASSERT_TRUE(first);
  const std::int64_t before = bytes();
  DeliveryId again;
  for (int i = 0; i < 30; ++i) {
    const auto repeat = append(d, last_call(d));
    ASSERT_TRUE(repeat && repeat->duplicate());
    again = repeat->delivery();
  }
  EXPECT_LT(bytes() - before, 1'000'000);
  EXPECT_EQ(shown(again).body, body);
  EXPECT_EQ(shown(first->delivery()).body, body);
}

TEST_P(Refusals, a_repeat_with_a_body_of_its_own_keeps_it_and_so_do_those_that_outlive_the_event) {
  const Delivery d = delivery(1, R"({"a":1})");
  Identity key;
  key.kind = Identity::Kind::kKey;
  key.key = "k";
  key.canary = "prod/app";
  const auto first = append(d, key);
  const auto other = append(delivery(2000, R"({"a":2})"), key);
  const auto same = append(delivery(2001, R"({"a":1})"), key);
  ASSERT_TRUE(first && other && same);
  ASSERT_TRUE(same->duplicate() && other->duplicate());
  EXPECT_EQ(shown(other->delivery()).body, R"({"a":2})");
  ASSERT_TRUE(driver_.wait(store_->start(*first->event(), {}, {}, at(3))));
  ASSERT_TRUE(driver_.wait(store_->prune(at(1000), at(1000))));
  EXPECT_FALSE(driver_.wait(store_->event(*first->event())));
  EXPECT_EQ(shown(other->delivery()).body, R"({"a":2})");
  EXPECT_EQ(shown(same->delivery()).body, R"({"a":1})");
  EXPECT_EQ(shown(same->delivery()).event, std::nullopt);
}

TEST_P(Refusals, lists_cut_what_senders_wrote) {
  const std::string large(50'000, 'x');
  Delivery d = delivery(1, R"({"a":")" + large + R"("})");
  d.target = "/" + large;
  d.headers = R"({"x":")" + large + R"("})";
  Event event = event_of(d, "app" + large);
  event.metadata = R"({"m":")" + large + R"("})";
  event.phase = event.checksum = event.name_space = large;
  event.release = event.canary = event.metadata;
  const auto receipt = driver_.wait(store_->append(intake::Source::authentic(), d, event, Identity{}));
  ASSERT_TRUE(receipt);
  ASSERT_TRUE(
      driver_.wait(store_->start(*receipt->event(), {new_run("w", {step("one")}, large)}, {}, at(2))));

  const auto total = [](std::initializer_list<std::string> texts) {
    std::size_t bytes = 0;
    for (const std::string& text : texts)
      bytes += text.size();
    return bytes;
  };
  const Delivery one = driver_.wait(store_->deliveries({}, {}))->at(0);
  EXPECT_LE(total({one.target, one.headers, one.body, one.reason}), 3 * kListedText);
  const Event listed = driver_.wait(store_->events({}, {}))->at(0);
  EXPECT_LE(total({listed.name, listed.name_space, listed.phase, listed.checksum, listed.metadata,
                   listed.payload, listed.release, listed.canary}),
            5 * kListedText);
  const RunLine run = driver_.wait(store_->runs({}, {}))->at(0);
  EXPECT_LE(total({run.name, run.name_space, run.queue_key, run.vars}), 4 * kListedText);
  EXPECT_TRUE(run.name.starts_with("appxxx"));
  const auto whole = driver_.wait(store_->event(*receipt->event()));
  EXPECT_EQ(whole->event.name, event.name);
  EXPECT_EQ(whole->event.metadata, event.metadata);
}

TEST_P(Refusals, a_list_of_runs_names_the_canary_and_what_holds_each) {
  const RunId held = begin_run(1, "held", {step("ask", "")});
  const RunId target = begin_run(2, "target", {step("one"), step("two", "slack")}, "b");
  const RunId ended_run = begin_run(3, "over", {step("one", "other")}, "c");
  for (const Work& work : claim(4)) {
    if (work.run.id == held) {
      EXPECT_TRUE(record(ended(work, 5, Waits{{}, "?", true}), [](const postlude::Run&) {
        Decision d;
        StepChange change{0, StepState::kWaiting};
        change.asks = true;
        d.changes.push_back(change);
        d.run = RunState::kWaiting;
        return d;
      }));
    }
    if (work.run.id == ended_run) {
      EXPECT_TRUE(record(ended(work, 6, Refused{"no"}), fail(0)));
    }
  }
  ASSERT_TRUE(driver_.wait(store_->pause({"target", "slack", at(7), "ops", "moving"})));
  ASSERT_TRUE(driver_.wait(store_->pause({"workflow", "over", at(7), "ops", ""})));
  std::map<std::string, RunLine> lines;
  const auto runs = driver_.wait(store_->runs({}, {}));
  ASSERT_TRUE(runs);
  for (const RunLine& line : *runs)
    lines[line.workflow] = line;
  EXPECT_EQ(lines["held"].name_space + "/" + lines["held"].name, "prod/app");
  ASSERT_EQ(lines["held"].waiting.size(), 1U);
  EXPECT_EQ(lines["held"].waiting[0].title, "ask");
  EXPECT_TRUE(lines["held"].waiting[0].asks);
  EXPECT_TRUE(lines["held"].paused_by.empty());
  ASSERT_EQ(lines["target"].paused_by.size(), 1U);
  EXPECT_EQ(lines["target"].paused_by[0].name, "slack");
  EXPECT_TRUE(lines["over"].paused_by.empty()) << "it has ended";
  EXPECT_EQ(lines["target"].id, target);
}

INSTANTIATE_TEST_SUITE_P(Store, Refusals, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
