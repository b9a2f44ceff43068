// What is built in can be read, and tells people what it does.
#include <gtest/gtest.h>

#include "base/json.h"
#include "connector/action.h"
#include "connector/embedded.h"

namespace postlude::connector {
namespace {

TEST(CatalogueTest, BuiltInFilesAreRight) {
  for (const std::string_view name : embedded_names()) {
    if (!name.ends_with(".yaml")) continue;
    lang::Problems problems;
    const auto connector = Connector::read(embedded(name), name, problems);
    for (const lang::Problem& problem : problems)
      ADD_FAILURE() << lang::to_text(problem);
    ASSERT_NE(connector, nullptr) << name;
    EXPECT_EQ(connector->name() + ".yaml", name);
  }
}

}  // namespace
}  // namespace postlude::connector
