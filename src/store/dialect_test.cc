// Every statement that this folder's tests ran is prepared by a real PostgreSQL 15 too, with the types of its
// parameters, on the same schema. A statement of the sources that no test ran fails as well: nobody would
// know.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <set>
#include <sstream>

#include "ledger/schema.h"
#include "lib/source_folder.h"
#include "sql/sql.h"

namespace postlude::store {

namespace {

using sql::Value;

// What the parameters of each text were, by the threads of all stores of this process.
class StatementLog {
 public:
  static StatementLog& all() {
    static auto* seen = new StatementLog;  // outlives the threads
    return *seen;
  }
  void add(std::string_view text, const Value* values, std::size_t count) {
    const std::lock_guard lock(mutex_);
    auto& kinds = texts_.try_emplace(std::string(text)).first->second;
    kinds.resize(std::max(kinds.size(), count), Value::Kind::kNull);
    for (std::size_t i = 0; i < count; ++i) {
      if (values[i].kind() != Value::Kind::kNull) kinds[i] = values[i].kind();
    }
  }
  std::map<std::string, std::vector<Value::Kind>> texts() {
    const std::lock_guard lock(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<Value::Kind>> texts_;
};

std::string_view postgresql_word(std::string_view name) {
  if (name == "id") return "bigint PRIMARY KEY";
  if (name == "int") return "bigint";
  if (name == "blob") return "bytea";
  return "";  // keyed
}

std::string_view type_of(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kInteger:
      return "bigint";
    case Value::Kind::kText:
      return "text";
    case Value::Kind::kBlob:
      return "bytea";
    case Value::Kind::kNull:
      return "unknown";
  }
  return "";
}

std::string in_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::string prepare(std::size_t number, const std::string& text, const std::vector<Value::Kind>& kinds) {
  std::string types;
  for (const Value::Kind kind : kinds)
    types += (types.empty() ? "(" : ", ") + std::string(type_of(kind));
  if (!types.empty()) types += ")";
  return "PREPARE s" + std::to_string(number) + types + " AS " + in_one_line(text) + ";";
}

// What SQLite's own side says to SQLite: its pragmas, its tables, its ways of beginning.
bool of_sqlite(const std::string& text) {
  static const std::regex own(
      R"(^\s*(PRAGMA|BEGIN|COMMIT|ROLLBACK|EXPLAIN|CREATE|ALTER|DROP|VACUUM)\b|sqlite_)");
  return std::regex_search(text, own);
}

// One blank for each white space, and no end: to compare statements that were split from longer texts.
std::string bare(const std::string& text) {
  static const std::regex space(R"([\s;]+)");
  std::string out = std::regex_replace(text, space, " ");
  out.erase(0, out.find_first_not_of(' '));
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

// Without the numbers of parameters, which some statements get when they are put together.
std::string unnumbered(const std::string& text) {
  static const std::regex parameter(R"(\$(\d+|\?))");
  return std::regex_replace(text, parameter, "$$");
}

// The literals of the sources that look like a statement, or the beginning of one.
std::set<std::string> statements_in(const std::filesystem::path& file) {
  std::set<std::string> out;
  static const std::regex literals(R"re("((?:[^"\\\n]|\\.)*)"(?:\s*"((?:[^"\\\n]|\\.)*)")*)re");
  static const std::regex piece(R"re("((?:[^"\\\n]|\\.)*)")re");
  static const std::regex statement(R"(^(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) [a-z(])");
  std::ifstream in(file);
  std::stringstream whole;
  whole << in.rdbuf();
  const std::string text = whole.str();
  for (std::sregex_iterator at(text.begin(), text.end(), literals), end; at != end; ++at) {
    std::string joined;
    const std::string all = at->str();
    for (std::sregex_iterator part(all.begin(), all.end(), piece); part != end; ++part)
      joined += (*part)[1].str();
    if (std::regex_search(joined, statement)) out.insert(unnumbered(joined));
  }
  return out;
}

std::set<std::string> statements_in_sources() {
  std::set<std::string> out;
  static const std::set<std::string> others{"schema.cc", "memory.cc"};  // memory: simulations
  for (const char* folder : {"src/ledger", "src/store"}) {
    for (const auto& file : std::filesystem::directory_iterator(source_path(folder))) {
      const std::string name = file.path().filename().string();
      if (file.path().extension() == ".cc" && !name.ends_with("_test.cc") && !others.contains(name))
        out.merge(statements_in(file.path()));
    }
  }
  return out;
}

// What PostgreSQL objects to.
std::string on_postgresql(const std::vector<std::string>& lines) {
  const std::string file = (std::filesystem::temp_directory_path() / "postlude-dialect-XXXXXX").string();
  std::string path = file;
  const int fd = mkstemp(path.data());
  if (fd < 0) return "no temporary file";
  close(fd);
  std::ofstream out(path);
  for (const std::string& line : lines)
    out << line << "\n";
  out.close();
  std::string said;
  FILE* pipe = popen((source_path("tests/lib/postgresql") + " " + path + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr)
    said += buffer.data();
  const int status = pclose(pipe);
  std::filesystem::remove(path);
  return status == 0 ? said : said + "tests/lib/postgresql ended with " + std::to_string(WEXITSTATUS(status));
}

class Dialect : public ::testing::Environment {
 public:
  void SetUp() override {
    sql::watch_statements([](std::string_view text, const Value* values, std::size_t count) {
      StatementLog::all().add(text, values, count);
    });
  }

  void TearDown() override {
    const ::testing::UnitTest& unit = *::testing::UnitTest::GetInstance();
    if (unit.test_to_run_count() < unit.total_test_count() || unit.Failed()) return;  // a part tells little
    std::vector<std::string> lines;
    std::set<std::string> migrations;  // what they say of columns that later ones drop is checked in its turn
    for (const std::string& statement : ledger::schema_statements(0, postgresql_word)) {
      lines.push_back(in_one_line(statement) + ";");
      migrations.insert(bare(statement));
    }
    std::string ran;
    for (const auto& [text, kinds] : StatementLog::all().texts()) {
      if (of_sqlite(text) || migrations.contains(bare(text))) continue;
      lines.push_back(prepare(lines.size() + 1, text, kinds));
      ran += unnumbered(text) + "\n";
    }
    const std::string said = on_postgresql(lines);
    EXPECT_EQ(said, "") << explained(said, lines);
    for (const std::string& statement : statements_in_sources())
      EXPECT_TRUE(ran.find(statement) != std::string::npos) << "no test of src/store runs: " << statement;
  }

 private:
  // The lines that are named in what was said.
  static std::string explained(const std::string& said, const std::vector<std::string>& lines) {
    static const std::regex number(R"(\.sql:(\d+):)");
    std::string out;
    for (std::sregex_iterator at(said.begin(), said.end(), number), end; at != end; ++at)
      out += (*at)[1].str() + ": " + lines.at(std::stoul((*at)[1].str()) - 1) + "\n";
    return out;
  }
};

const ::testing::Environment* const kDialect = ::testing::AddGlobalTestEnvironment(new Dialect);

}  // namespace

}  // namespace postlude::store
