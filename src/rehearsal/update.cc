#include "rehearsal/update.h"

#include <algorithm>

#include "base/text.h"
#include "lang/schema.h"
#include "lang/yaml.h"
#include "rehearsal/yaml_text.h"

namespace postlude::rehearsal {

namespace {

using lang::Node;

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

bool blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

Error refused(const lang::Place& place) {
  return Error(Code::kInvalid,
               place.text() +
                   ": this `expect` cannot be rewritten in its place: write the test as a block, "
                   "one key a line, not inside { } or [ ]");
}

// The first and last line of an `expect`, from 0, and the indentation of its key.
struct Extent {
  std::size_t first = 0;
  std::size_t end = 0;
  std::size_t indent = 0;
};

Result<Extent> extent_of(const std::vector<std::string_view>& lines, const Node& tests, const Node& test) {
  const auto key = std::find_if(test.members.begin(), test.members.end(),
                                [](const auto& member) { return member.first.scalar == "expect"; });
  if (key == test.members.end()) return refused(test.place);
  const lang::Place& at = key->first.place;
  const auto character = [&](const lang::Place& place) {
    const std::string_view line = lines[static_cast<std::size_t>(place.line - 1)];
    const auto column = static_cast<std::size_t>(place.column - 1);
    return column < line.size() ? line[column] : '\0';
  };
  Extent out;
  out.first = static_cast<std::size_t>(at.line - 1);
  out.indent = static_cast<std::size_t>(at.column - 1);
  const std::string_view line = lines[out.first];
  const bool alone = line.substr(0, out.indent).find_first_not_of(" -") == std::string_view::npos &&
                     line.substr(out.indent).starts_with("expect:");
  if (!alone || character(test.place) == '{' || character(tests.place) == '[') return refused(at);
  out.end = out.first + 1;
  for (std::size_t i = out.end; i < lines.size(); ++i) {
    if (blank(lines[i])) continue;
    if (indent_of(lines[i]) <= out.indent) break;
    out.end = i + 1;
  }
  return out;
}

// The document without what is to change.
json::value others(const Node& root, const std::vector<NewExpectation>& expectations) {
  json::value value = lang::to_json(root);
  for (const NewExpectation& one : expectations)
    value.at("tests").at(one.test).as_object()["expect"] = nullptr;
  return value;
}

}  // namespace

Result<std::string> with_expectations(const TestFile& file, const std::vector<NewExpectation>& expectations,
                                      const json::value& schema) {
  lang::Problems problems;
  const auto root = lang::read_yaml(file.text, file.path, problems);
  if (!root) return Error(Code::kInvalid, file.path + ": cannot be read");
  const Node& tests = *root->find("tests");
  const bool windows = file.text.find("\r\n") != std::string::npos;
  std::vector<std::string_view> lines = split(file.text, '\n');
  std::vector<std::string> text(lines.begin(), lines.end());
  std::vector<NewExpectation> backwards = expectations;
  std::sort(backwards.begin(), backwards.end(),
            [](const NewExpectation& a, const NewExpectation& b) { return a.test > b.test; });
  for (const NewExpectation& one : backwards) {
    TRY(const Extent extent, extent_of(lines, tests, tests.items[one.test]));
    std::string head = text[extent.first];
    const std::size_t behind = extent.indent + std::string_view("expect:").size();
    const std::size_t more = head.find_first_not_of(" \t\r", behind);
    if (more != std::string::npos && head[more] != '#') head.resize(behind);
    const std::string block = yaml_text(one.expect, extent.indent + 2);
    std::vector<std::string> fresh{head};
    for (const std::string_view line : split(std::string_view(block).substr(0, block.size() - 1), '\n'))
      fresh.emplace_back(line);
    for (std::string& line : fresh) {
      if (windows && !line.ends_with('\r')) line += '\r';
    }
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(extent.first);
    text.erase(begin, text.begin() + static_cast<std::ptrdiff_t>(extent.end));
    text.insert(text.begin() + static_cast<std::ptrdiff_t>(extent.first), fresh.begin(), fresh.end());
  }
  std::string out = join(text, "\n");
  if (!out.ends_with('\n')) out += windows ? "\r\n" : "\n";

  // Whatever YAML can do that was not thought of here must not spoil a file.
  lang::Problems again;
  const auto read = lang::read_yaml(out, file.path, again);
  const bool same =
      read && !lang::any_error(again) && others(*read, expectations) == others(*root, expectations);
  if (!same) return refused(tests.items[expectations.front().test].place);
  const json::value typed = lang::typed(*read, schema);
  for (const NewExpectation& one : expectations) {
    const json::value& expect = typed.at("tests").at(one.test).at("expect");
    if (canonical(expect) != canonical(one.expect)) return refused(tests.items[one.test].place);
  }
  return out;
}

}  // namespace postlude::rehearsal
