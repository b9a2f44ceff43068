#pragma once
// For tests: the schema as the program embeds it, and a configuration's problems as text.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "app/config.h"
#include "base/json.h"
#include "lib/source_folder.h"

namespace postlude::app {

inline const json::value& schema_for_tests() {
  static const json::value value = [] {
    std::ifstream file(source_path("src/app/config.schema.json"));
    std::stringstream text;
    text << file.rdbuf();
    auto parsed = parse_json(text.str());
    EXPECT_TRUE(parsed) << parsed.error().message;
    return *parsed;
  }();
  return value;
}

inline std::string all(const lang::Problems& problems) {
  std::string text;
  for (const lang::Problem& p : problems)
    text += (text.empty() ? "" : "\n") + lang::to_text(p);
  return text;
}

inline std::optional<Config> read_for_tests(const std::vector<ConfigText>& texts, lang::Problems& problems) {
  auto config = read_config(texts, schema_for_tests(), problems);
  EXPECT_EQ(config.has_value(), !lang::any_error(problems));
  return config;
}

// A configuration, and all that is wrong with it.
struct BrokenCase {
  std::string yaml;
  std::string message;
};

inline void expect_all(const std::vector<BrokenCase>& cases) {
  for (const BrokenCase& c : cases) {
    lang::Problems problems;
    read_for_tests({{"p.yaml", c.yaml}}, problems);
    EXPECT_EQ(all(problems), c.message) << "in:\n" << c.yaml;
  }
}

}  // namespace postlude::app
