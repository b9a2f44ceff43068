#include "model/event.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace postlude {
namespace {

Event sample() {
  Event event;
  event.id = EventId{1};
  event.source = "flagger";
  event.name = "podinfo";
  event.metadata = R"({"a":"b"})";
  return event;
}

TEST(EventDocument, HasNullWhereNoClusterToldAnything) {
  const auto seen = parse_json(document(sample()));
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->at("canary").is_null());
  EXPECT_TRUE(seen->at("release").is_null());
  EXPECT_EQ(to_text(seen->at("payload")), "{}");
}

TEST(EventDocument, ShowsWhatAClusterTold) {
  Event event = sample();
  event.canary = R"({"uid":"u1"})";
  event.release = R"({"kind":"back","version":{"old":"2","new":"1"}})";
  const auto seen = parse_json(document(event));
  ASSERT_TRUE(seen);
  EXPECT_EQ(to_text(seen->at("canary")), event.canary);
  EXPECT_EQ(to_text(seen->at("release")), event.release);
  EXPECT_EQ(bytes_of(event), bytes_of(sample()) + event.canary.size() + event.release.size());
}

}  // namespace
}  // namespace postlude
