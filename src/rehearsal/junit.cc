#include "rehearsal/junit.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace postlude::rehearsal {

namespace {

// XML 1.0 has no way to write most control characters, nor anything that is not UTF-8.
std::string xml(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::size_t size = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    if (!valid_utf8(text.substr(i, size))) size = 1;
    const std::string_view one = text.substr(i, size);
    i += size;
    const bool never = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F || !valid_utf8(one) ||
                       one == "\xEF\xBF\xBE" || one == "\xEF\xBF\xBF";
    if (never) {
      out += "\xEF\xBF\xBD";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\n') {
      out += "&#10;";
    } else if (c == '\t') {
      out += "&#9;";
    } else {
      out += one;
    }
  }
  return out;
}

std::string seconds(double s) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", s);
  return text;
}

std::string counts(const std::vector<const JunitCase*>& cases) {
  const auto count = [&](bool broken) {
    return std::count_if(cases.begin(), cases.end(),
                         [&](const JunitCase* c) { return !c->failure.empty() && c->broken == broken; });
  };
  double time = 0;
  for (const JunitCase* c : cases)
    time += c->seconds;
  return " tests=\"" + std::to_string(cases.size()) + "\" failures=\"" + std::to_string(count(false)) +
         "\" errors=\"" + std::to_string(count(true)) + "\" skipped=\"0\" time=\"" + seconds(time) + "\"";
}

std::string text_of(const JunitSuite& suite, const JunitCase& one) {
  std::string out = "    <testcase name=\"" + xml(one.name) + "\" classname=\"" + xml(suite.name) +
                    "\" file=\"" + xml(suite.name) + "\" line=\"" + std::to_string(one.line) + "\" time=\"" +
                    seconds(one.seconds) + "\"";
  if (one.failure.empty()) return out + "/>\n";
  const std::string word = one.broken ? "error" : "failure";
  const std::string first(trim(split(one.failure, '\n').front()));
  return out + ">\n      <" + word + " message=\"" + xml(first) + "\">" + xml(one.failure) + "</" + word +
         ">\n    </testcase>\n";
}

}  // namespace

std::string junit(const std::vector<JunitSuite>& suites) {
  std::vector<const JunitCase*> all;
  std::string inner;
  for (const JunitSuite& suite : suites) {
    std::vector<const JunitCase*> cases;
    std::string texts;
    for (const JunitCase& one : suite.cases) {
      cases.push_back(&one);
      all.push_back(&one);
      texts += text_of(suite, one);
    }
    inner +=
        "  <testsuite name=\"" + xml(suite.name) + "\"" + counts(cases) + ">\n" + texts + "  </testsuite>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"postlude test\"" + counts(all) +
         ">\n" + inner + "</testsuites>\n";
}

}  // namespace postlude::rehearsal
