#include "engine/effect.h"

#include <gtest/gtest.h>

namespace postlude::engine {
namespace {

using std::chrono::seconds;

const Instant kNow = instant(1'800'000'000'000'000);

Request past(RequestResult result, Effect effect, Duration ago = seconds(100)) {
  Request request;
  request.name = "create";
  request.key = "create";
  request.effect = effect;
  request.result = result;
  request.sent_at = kNow - ago;
  return request;
}

EffectRule rule_of(Effect effect, OnUnclear on_unclear = OnUnclear::kHold) {
  EffectRule rule;
  rule.effect = effect;
  rule.on_unclear = on_unclear;
  rule.timeout = seconds(30);
  rule.lookup_after = seconds(5);
  rule.key_window = seconds(300);
  return rule;
}

TEST(NextMove, TheTableOfContract9) {
  struct Row {
    Effect effect;
    OnUnclear on_unclear;
    RequestResult before;
    Duration ago;
    bool has_lookup;
    Move move;
  };
  const std::vector<Row> rows{
      {Effect::kState, OnUnclear::kHold, RequestResult::kUnclear, seconds(1), false, Move::kSend},
      {Effect::kUpsert, OnUnclear::kHold, RequestResult::kUnclear, seconds(1), false, Move::kSend},
      {Effect::kKey, OnUnclear::kHold, RequestResult::kUnclear, seconds(269), false, Move::kSend},
      {Effect::kKey, OnUnclear::kHold, RequestResult::kUnclear, seconds(270), false, Move::kHold},
      {Effect::kKey, OnUnclear::kFail, RequestResult::kUnclear, seconds(270), false, Move::kFail},
      {Effect::kKey, OnUnclear::kHold, RequestResult::kUnclear, seconds(270), true, Move::kLook},
      {Effect::kLookup, OnUnclear::kHold, RequestResult::kUnclear, seconds(0), true, Move::kLook},
      {Effect::kLookup, OnUnclear::kHold, RequestResult::kUnclear, seconds(35), true, Move::kLook},
      {Effect::kLookup, OnUnclear::kHold, RequestResult::kOpen, seconds(35), true, Move::kLook},
      {Effect::kNone, OnUnclear::kRepeat, RequestResult::kUnclear, seconds(1), false, Move::kSend},
      {Effect::kNone, OnUnclear::kHold, RequestResult::kUnclear, seconds(1), false, Move::kHold},
      {Effect::kNone, OnUnclear::kHold, RequestResult::kOpen, seconds(1), false, Move::kHold},
      {Effect::kNone, OnUnclear::kFail, RequestResult::kUnclear, seconds(1), false, Move::kFail},
  };
  for (const Row& row : rows) {
    EffectRule rule = rule_of(row.effect, row.on_unclear);
    rule.has_lookup = row.has_lookup;
    const std::vector<Request> before{past(row.before, row.effect, row.ago)};
    SCOPED_TRACE(std::string(to_text(row.effect)) + " " + std::string(to_text(row.on_unclear)));
    EXPECT_EQ(next_move(rule, before, "create", kNow).move, row.move);
  }
  for (const Effect effect :
       {Effect::kState, Effect::kUpsert, Effect::kKey, Effect::kLookup, Effect::kNone}) {
    EXPECT_EQ(next_move(rule_of(effect), {}, "create", kNow).move, Move::kSend);
    EXPECT_EQ(next_move(rule_of(effect), {past(RequestResult::kUnclear, effect)}, "other", kNow).move,
              Move::kSend);
    EXPECT_EQ(next_move(rule_of(effect), {past(RequestResult::kRetryable, effect)}, "create", kNow).move,
              Move::kSend);
    EXPECT_EQ(next_move(rule_of(effect), {past(RequestResult::kRefused, effect)}, "create", kNow).move,
              Move::kSend);
    EXPECT_EQ(next_move(rule_of(effect), {past(RequestResult::kSucceeded, effect)}, "create", kNow).move,
              Move::kReuse);
    EXPECT_EQ(next_move(rule_of(effect),
                        {past(RequestResult::kUnclear, effect), past(RequestResult::kExists, effect)},
                        "create", kNow)
                  .move,
              Move::kReuse);
  }
}

// Its window counts from the first of all, whichever run sent it; and says until when it may be sent.
TEST(NextMove, AKeysWindowBeginsWithTheFirstRequestOfAnyRun) {
  Request theirs = past(RequestResult::kSucceeded, Effect::kKey, seconds(50));
  theirs.of_other_run = true;
  const Request own = past(RequestResult::kUnclear, Effect::kKey, seconds(280));
  EXPECT_EQ(next_move(rule_of(Effect::kKey), {theirs, own}, "create", kNow).move, Move::kHold);
  const std::vector<Request> later{theirs, past(RequestResult::kUnclear, Effect::kKey, seconds(200))};
  const NextMove next = next_move(rule_of(Effect::kKey), later, "create", kNow);
  EXPECT_EQ(next.move, Move::kSend);
  EXPECT_EQ(next.before, kNow + seconds(70));
}

// It is looked for at once; that it is not there counts when the receiver can no longer act on the request
// and its index has caught up.
TEST(NextMove, NotThereCountsOnlyAfterTheTimeoutAndTheIndexsLag) {
  Request sent = past(RequestResult::kUnclear, Effect::kLookup, seconds(20));
  EXPECT_EQ(next_move(rule_of(Effect::kLookup), {sent}, "create", kNow).at, kNow + seconds(15));
  sent.ended_at = kNow - seconds(2);  // nobody knows when its last byte left, but not after that
  EXPECT_EQ(next_move(rule_of(Effect::kLookup), {sent}, "create", kNow).at, kNow + seconds(33));
}

TEST(NextMove, ALaterRefusalDoesNotSettleADoubt) {
  const std::vector<Request> before{past(RequestResult::kUnclear, Effect::kNone),
                                    past(RequestResult::kRefused, Effect::kNone)};
  EXPECT_EQ(next_move(rule_of(Effect::kNone), before, "create", kNow).move, Move::kHold);
}

TEST(IdempotencyKey, DependsOnEachPartAndOnNothingElse) {
  const std::string key = idempotency_key("secret", "nonce", "wf", "step", "", "create");
  EXPECT_EQ(key.size(), 32U);
  EXPECT_EQ(key, idempotency_key("secret", "nonce", "wf", "step", "", "create"));
  EXPECT_NE(key, idempotency_key("other", "nonce", "wf", "step", "", "create"));
  EXPECT_NE(key, idempotency_key("secret", "nonce2", "wf", "step", "", "create"));
  EXPECT_NE(key, idempotency_key("secret", "nonce", "wf2", "step", "", "create"));
  EXPECT_NE(key, idempotency_key("secret", "nonce", "wf", "step2", "", "create"));
  EXPECT_NE(key, idempotency_key("secret", "nonce", "wf", "step", "0", "create"));
  EXPECT_NE(key, idempotency_key("secret", "nonce", "wf", "step", "", "release"));
  EXPECT_NE(idempotency_key("s", "ab", "c", "", "", ""), idempotency_key("s", "a", "bc", "", "", ""));
}

}  // namespace
}  // namespace postlude::engine
