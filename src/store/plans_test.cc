// Plans: no statement of the store walks through a whole table that grows, but for those named here.

#include <sqlite3.h>

#include <mutex>
#include <set>

#include "sql/sql.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

// Everything that is prepared on any connection, from any thread.
struct Heard {
  std::mutex mutex;
  std::set<std::string> texts;
};
Heard heard;

int hear(unsigned, void*, void* statement, void*) {
  const char* text = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
  const std::lock_guard lock(heard.mutex);
  if (text != nullptr) heard.texts.insert(text);
  return 0;
}
int listen(sqlite3* db, const char**, const void*) {
  return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, hear, nullptr);
}

constexpr std::string_view kGrow[] = {"deliveries", "events",   "runs", "steps",
                                      "attempts",   "requests", "audit"};

// What may be walked through, by what its text contains.
struct Allowed {
  std::string_view text, why;
};
constexpr Allowed kAllowed[] = {
    {"FROM audit ORDER BY seq DESC LIMIT 1", "one row"},
    {"DESC LIMIT $", "lists, newest first, a page of them: the reader stops what takes too long"},
};
// An index of few: whatever is walked through in it is all there is to see.
constexpr std::string_view kOfFew[] = {"events_unplanned", "steps_due",           "steps_running",
                                       "steps_asking",     "deliveries_unproved", "runs_live",
                                       "runs_causes",      "runs_failed",         "steps_held"};

// The table behind a name in a plan, or "" where it is one of a subquery's.
std::string table_of(const std::string& sql, const std::string& name) {
  for (const std::string_view table : kGrow) {
    if (name == table) return name;
    for (const std::string_view before : {"FROM ", "JOIN ", ", "}) {
      const std::string wanted = std::string(before) + std::string(table) + " " + name;
      const std::size_t at = sql.find(wanted);
      if (at == std::string::npos) continue;
      const char next = at + wanted.size() < sql.size() ? sql[at + wanted.size()] : ' ';
      if (std::isalnum(static_cast<unsigned char>(next)) == 0 && next != '_') return std::string(table);
    }
  }
  return "";
}

bool allowed(const std::string& sql, const std::string& detail) {
  for (const std::string_view index : kOfFew) {
    if (detail.ends_with(std::string("INDEX ").append(index))) return true;
  }
  return std::any_of(std::begin(kAllowed), std::end(kAllowed),
                     [&](const Allowed& a) { return sql.find(a.text) != std::string::npos; });
}

// What is asked at each end of a run, among all that are queued behind it.
bool asks_whose_turn(const std::string& sql) {
  return sql.find("FROM runs WHERE workflow = $1 AND queue_key = $2") != std::string::npos;
}

class Plans : public StoreTest {
 protected:
  // The store's functions, each in the ways that make statements of their own.
  void take_in();
  void carry_out();
  void ask_people();
  void look();

  template <class T>
  void done(rt::Task<T> task) {
    const T result = driver_.wait(std::move(task));
    EXPECT_TRUE(result) << result.error().message;
  }
  Request request(Effect effect) {
    Request q;
    q.name = "do";
    q.effect = effect;
    q.key = "key";
    q.method = "PUT";
    q.headers = "{}";
    return q;
  }
  Result<Request> commit(const Work& work, Effect effect) {
    Store::NewRequest wanted;
    wanted.lease = work.lease;
    wanted.request = request(effect);
    wanted.input = "{}";
    wanted.step_now = at(0);
    return driver_.wait(store_->commit_request(std::move(wanted)));
  }
  static Rule hold() { return leave({0, StepState::kWaiting, {}, "held", true, true}, RunState::kWaiting); }
  Work claim_of(RunId run, std::int64_t second) {
    for (Work& work : claim(second))
      in_hand_[work.run.id.value] = std::move(work);
    EXPECT_TRUE(in_hand_.contains(run.value)) << run.text();
    return std::move(in_hand_.extract(run.value).mapped());
  }
  std::map<std::int64_t, Work> in_hand_;  // by run
};

void Plans::take_in() {
  Identity sent;
  sent.kind = Identity::Kind::kSenderId;
  sent.key = "k";
  sent.digest = "d";
  sent.canary = "prod/app";
  Identity opening = sent;
  opening.kind = Identity::Kind::kUntilEnd;
  for (const Identity& identity : {sent, opening, last_call(delivery(1))}) {
    for (int i = 0; i < 2; ++i)
      EXPECT_TRUE(append(delivery(1), identity));
  }
  sent.digest = "another";
  EXPECT_FALSE(append(delivery(1), sent));
  EXPECT_TRUE(append(delivery(2), opening));
  Identity named;
  named.named = "prod/app";
  for (int i = 0; i < 40; ++i) {
    Delivery refused = delivery(3);
    refused.verdict = Verdict::kRejected;
    done(store_->append_rejected(refused, i == 0 ? named : Identity()));
    refused.proof = "bearer";
    done(store_->append_rejected(refused, named));
  }
  done(store_->append_rejected(delivery(3), sent));
  Event told = event_of(delivery(4));
  told.release = told.canary = "{}";
  done(store_->append(intake::Source::authentic(), delivery(4), told, Identity{},
                      std::vector<Planned>{{"a", false, "no"}}));
  done(store_->set_told({"run-failed"}));
  told.hook = "run-failed";
  done(store_->tell(told));
  done(store_->unplanned(10));
}

void Plans::carry_out() {
  const RunId first = begin_run(10, "a", {step("one"), step("two")});
  const RunId second = begin_run(11, "a", {step("one")});
  begin_run(11, "a", {step("one")}, "other");
  NewRun newest = new_run("a", {step("one")}, "other");
  newest.replaces = true;
  newest.data = std::make_shared<const std::string>("{}");
  done(store_->start(add_event(12), {newest}, {}, at(12)));
  Work work = claim_of(first, 13);
  done(store_->give_back(work.lease, at(13)));
  work = claim_of(first, 14);
  done(store_->take_keyed(work.lease, "jira", "k", {at(21), at(22), "busy"}));
  EXPECT_TRUE(commit(work, Effect::kState));
  AttemptEnd end = ended(work, 15, Waits{at(20), "", false, at(99)});
  end.requests = {request(Effect::kRead)};
  for (int i = 0; i < 13; ++i) {
    StepChange later{0, StepState::kWaiting, at(20)};
    later.over_by = at(99);
    EXPECT_TRUE(record(end, leave(later, RunState::kWaiting)));
    end.lease = claim_of(first, 20).lease;
  }
  const RunId other = begin_run(21, "b", {step("one")}, "b");
  work = claim_of(other, 21);
  done(store_->take_keyed(work.lease, "jira", "k", {at(21), at(22), "busy"}));  // busy
  work = claim_of(other, 22);
  EXPECT_TRUE(record(ended(work, 22, Refused{"no"}), fail(0)));
  end.outcome = Succeeded{"{}"};
  done(store_->record_and_go_on(end, succeed(0, at(22))));
  (void)show(second);
}

void Plans::ask_people() {
  const RunId run = begin_run(30, "c", {step("one"), step("two"), step("three")}, "c");
  Work work = claim_of(run, 30);
  EXPECT_TRUE(commit(work, Effect::kNone));
  EXPECT_TRUE(record(ended(work, 31, Held{"?"}), hold()));
  done(store_->resume({run, "one", ResumeAs::kRepeat, "ops", at(32)}, {}));
  work = claim_of(run, 32);
  EXPECT_TRUE(record(ended(work, 32, Held{"?"}), hold()));
  done(store_->resume({run, "one", ResumeAs::kDone, "ops", at(33)},
                      [](const postlude::Run& r) { return in_order(r, at(33)); }));
  work = claim_of(run, 33);
  EXPECT_TRUE(record(ended(work, 34, Refused{"no"}), fail(1)));
  done(store_->retry(run, true, "ops", at(35)));
  work = claim_of(run, 35);
  EXPECT_TRUE(record(ended(work, 35, Refused{"no"}), fail(1)));
  done(store_->skip(run, "two", "ops", at(36)));
  done(store_->cancel(run, "ops", "", at(37)));
  NewRun again = new_run("c", {step("one"), step("each")}, "c");
  again.text = "another";
  const auto replayed = driver_.wait(store_->replay(run, again, false, true, "ops", at(38)));
  ASSERT_TRUE(replayed);
  Filter of;
  of.event = show(run).run.event.value;
  EXPECT_EQ(driver_.wait(store_->runs(of, {}))->size(), 2U);
  EXPECT_EQ(driver_.wait(store_->event(EventId{of.event}))->runs.at(1).id, *replayed);
  done(store_->acted(show(*replayed).run));
  work = claim_of(*replayed, 39);
  EXPECT_TRUE(commit(work, Effect::kUpsert));
  EXPECT_TRUE(record(ended(work, 39, Held{"?"}), hold()));
  done(store_->resume({*replayed, "one", ResumeAs::kDone, "ops", at(40)},
                      [](const postlude::Run& r) { return in_order(r, at(40)); }));
  work = claim_of(*replayed, 41);
  EXPECT_TRUE(record(ended(work, 42, Spread{{"1"}}), [](const postlude::Run&) {
    Decision d;
    d.changes.push_back({1, StepState::kRunning});
    d.changes.back().spread = true;
    Step element = step("each");
    element.index = 2;
    element.element_of = 1;
    element.due_at = at(43);
    d.added.push_back(element);
    return d;
  }));
  const RunId asking = begin_run(50, "d", {step("ask", "")}, "d");
  Step ask = step("ask", "");
  ask.uses = "approval";
  done(store_->start(add_event(51), {new_run("e", {ask}, "e")}, {}, at(51)));
  Filter of_e;
  of_e.workflow = "e";
  const RunId asked = driver_.wait(store_->runs(of_e, {}))->at(0).id;
  EXPECT_TRUE(record(ended(claim_of(asked, 51), 52, Waits{{}, "?", true}),
                     leave({0, StepState::kWaiting}, RunState::kWaiting)));
  done(store_->answer(asked, 0, {AnswerKind::kApproved, "ops", "{}", at(53)}));
  work = claim_of(asking, 53);
  EXPECT_TRUE(record(ended(work, 54, Refused{"no"}), fail(0)));
  done(store_->dismiss(asking, "ops", at(55)));
  for (const auto& [kind, name] : std::map<std::string, std::string>{
           {"all", ""}, {"workflow", "a"}, {"target", "jira"}, {"team", "t"}, {"source", "flagger"}}) {
    done(store_->pause({kind, name, at(56), "ops", ""}));
    done(store_->unpause(kind, name, "ops", at(57)));
  }
  done(store_->begin_once({"ops", "k", "d"}, at(58)));
  done(store_->end_once({"ops", "k", "d"}, 200, "{}"));
  done(store_->end_once({"ops", "k", "d"}, 500, "{}"));
  EXPECT_TRUE(commit(claim_of(begin_run(58, "f", {step("one")}, "f"), 58), Effect::kNone));
  done(store_->note("ops", "login", "x", "", at(59)));
  done(store_->writable());
}

void Plans::look() {
  const std::int64_t event = add_event(60).value;
  const auto ask = [&](const Filter& filter) {
    done(store_->deliveries(filter, {5, 1000}));
    done(store_->events(filter, {5, 1000}));
    done(store_->runs(filter, {}));
    done(store_->failures(filter));
  };
  ask({});
  Filter filter;
  filter.event = event;
  ask(filter);
  filter = {};
  filter.source = filter.hook = filter.name_space = filter.name = filter.workflow = filter.team =
      filter.cause = "x";
  filter.state = "failed";
  filter.verdict = "accepted";
  filter.dismissed = false;
  filter.asks = true;
  ask(filter);
  done(store_->delivery(driver_.wait(store_->deliveries({}, {}))->at(0).id));
  done(store_->event(EventId{event}));
  const auto runs = driver_.wait(store_->runs({}, {}));
  for (const postlude::Run& run : *runs)
    done(store_->run(run.id));
  done(store_->pauses());
  done(store_->counts());
  done(store_->verify_audit());
}

TEST_P(Plans, no_statement_walks_through_a_table_that_grows) {
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(&listen));
  reopen();
  take_in();
  carry_out();
  ask_people();
  reopen();  // with a step in hand
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&listen));
  look();
  done(store_->prune(at(100'000), at(100'000)));
  std::set<std::string> texts;
  {
    const std::lock_guard lock(heard.mutex);
    texts.swap(heard.texts);
  }
  EXPECT_GT(texts.size(), 120U);
  EXPECT_EQ(driver_.wait(store_->verify_audit())->bad, "");

  auto db = sql::open_sqlite(folder_.file("a.db"), {});
  ASSERT_TRUE(db);
  for (const std::string& text : texts) {
    if (text.starts_with("PRAGMA") || text.find("sqlite_master") != std::string::npos) continue;
    const std::vector<sql::Value> none(32, sql::Value(nullptr));
    ASSERT_TRUE((*db)->each("EXPLAIN QUERY PLAN " + text, none, [&](const sql::Row& row) {
      const std::string detail = row.text(3);
      EXPECT_FALSE(detail.starts_with("USE TEMP B-TREE") && asks_whose_turn(text)) << text;
      if (!detail.starts_with("SCAN ")) return;
      const std::string name = detail.substr(5, detail.find(' ', 5) - 5);
      if (table_of(text, name).empty() || allowed(text, detail)) return;
      ADD_FAILURE() << detail << "\n  of " << text;
    })) << text;
  }
}

// The memory's connection is made from an image: what it is asked is the same.
INSTANTIATE_TEST_SUITE_P(Store, Plans, testing::Values(kSqlite),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
