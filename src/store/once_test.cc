// Once: a write that came with an Idempotency-Key is known again, after a crash as well.

#include "base/check.h"
#include "unit/store/testing.h"

namespace postlude::store {

namespace {

using What = Before::What;

class OnceTest : public StoreTest {
 protected:
  Before begin(const Once& once, std::int64_t second = 0) {
    auto before = driver_.wait(store_->begin_once(once, at(second)));
    CHECK(before.has_value());
    return *before;
  }
  What what(const std::string& key, std::int64_t second = 0) { return begin({"ada", key, "d"}, second).what; }
  void end(const std::string& key, int status, const std::string& answer) {
    EXPECT_TRUE(driver_.wait(store_->end_once({"ada", key, "d"}, status, answer)));
  }
};

TEST_P(OnceTest, the_same_request_is_answered_the_same_after_a_restart_too) {
  ASSERT_EQ(what("k"), What::kNothing);
  EXPECT_EQ(what("k"), What::kUnderWay);
  end("k", 409, "one");
  for (int start = 0; start < 2; ++start) {
    const Before again = begin({"ada", "k", "d"});
    EXPECT_EQ(again.what, What::kAnswered);
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.answer, "one");
    EXPECT_EQ(begin({"ada", "k", "other"}).what, What::kOther);
    reopen();
  }
  EXPECT_EQ(begin({"bob", "k", "d"}).what, What::kNothing);
  EXPECT_EQ(begin({"adak", "", "d"}).what, What::kNothing);
}

TEST_P(OnceTest, of_one_that_was_under_way_when_the_process_ended_nobody_knows) {
  ASSERT_EQ(what("k"), What::kNothing);
  reopen();
  EXPECT_EQ(what("k"), What::kNobodyKnows);
  EXPECT_EQ(begin({"ada", "k", "other"}).what, What::kOther);
}

TEST_P(OnceTest, what_met_a_fault_of_ours_may_be_tried_again) {
  ASSERT_EQ(what("k"), What::kNothing);
  end("k", 503, "no");
  EXPECT_EQ(what("k"), What::kNothing);
}

TEST_P(OnceTest, a_day_later_it_is_forgotten) {
  constexpr std::int64_t kDay = 24 * 3600;
  ASSERT_EQ(what("k"), What::kNothing);
  end("k", 200, "one");
  EXPECT_EQ(what("k", kDay), What::kAnswered);
  EXPECT_EQ(what("k", kDay + 1), What::kNothing);
}

TEST_P(OnceTest, it_is_bounded_in_number) {
  std::vector<rt::Task<Result<Before>>> many;
  for (int i = 0; i < 1'001; ++i)
    many.push_back(store_->begin_once({"ada", std::to_string(i), "d"}, at(0)));
  for (const auto& before : driver_.wait_all(std::move(many)))
    EXPECT_EQ(before->what, What::kNothing);
  EXPECT_EQ(what("1"), What::kUnderWay);
  EXPECT_EQ(what("1000"), What::kUnderWay);
  EXPECT_EQ(what("0"), What::kNothing);  // crowded out; and now "1" is, too
  EXPECT_EQ(what("1"), What::kNothing);
}

TEST_P(OnceTest, it_is_bounded_in_bytes) {
  for (int i = 0; i < 6; ++i) {
    ASSERT_EQ(what(std::to_string(i)), What::kNothing);
    end(std::to_string(i), 200, std::string(1U << 20U, 'x'));
  }
  EXPECT_EQ(what("2"), What::kAnswered);
  EXPECT_EQ(what("0"), What::kNothing);
  end("0", 200, std::string(8U << 20U, 'x'));  // alone it may be larger
  EXPECT_EQ(what("0"), What::kAnswered);
  EXPECT_EQ(what("5"), What::kNothing);
}

INSTANTIATE_TEST_SUITE_P(Store, OnceTest, testing::Values(kSqlite, kMemory),
                         [](const auto& backend) { return std::string(backend.param.name); });

}  // namespace

}  // namespace postlude::store
