#include "rehearsal/diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/text.h"

namespace postlude::rehearsal {

namespace {

constexpr std::size_t kAround = 3;
constexpr std::size_t kCellsMax = 4'000'000;  // of the table; larger differences are shown as one

struct Line {
  char sign;  // ' ' - +
  std::string_view text;
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines = split(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// Compares the lines between the equal beginning and the equal end: the longest common subsequence stays.
void compare(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b, std::size_t from,
             std::size_t a_end, std::size_t b_end, std::vector<Line>& out) {
  const std::size_t rows = a_end - from;
  const std::size_t columns = b_end - from;
  std::vector<std::uint32_t> table;
  const bool small = (rows + 1) * (columns + 1) <= kCellsMax;
  if (small) table.resize((rows + 1) * (columns + 1), 0);
  const auto at = [&](std::size_t i, std::size_t j) -> std::uint32_t& {
    return table[i * (columns + 1) + j];
  };
  for (std::size_t i = rows; small && i-- > 0;) {
    for (std::size_t j = columns; j-- > 0;)
      at(i, j) = a[from + i] == b[from + j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  }
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < rows || j < columns) {
    if (small && i < rows && j < columns && a[from + i] == b[from + j]) {
      out.push_back({' ', a[from + i]});
      ++i;
      ++j;
    } else if (i < rows && (j == columns || !small || at(i + 1, j) >= at(i, j + 1))) {
      out.push_back({'-', a[from + i++]});
    } else {
      out.push_back({'+', b[from + j++]});
    }
  }
}

std::string range(std::size_t first, std::size_t count) {
  return std::to_string(count == 0 ? first : first + 1) + (count == 1 ? "" : "," + std::to_string(count));
}

}  // namespace

std::string unified_diff(std::string_view first, std::string_view second) {
  if (first == second) return "";
  const auto a = lines_of(first);
  const auto b = lines_of(second);
  std::size_t from = 0;
  while (from < a.size() && from < b.size() && a[from] == b[from])
    ++from;
  std::size_t a_end = a.size();
  std::size_t b_end = b.size();
  while (a_end > from && b_end > from && a[a_end - 1] == b[b_end - 1]) {
    --a_end;
    --b_end;
  }
  std::vector<Line> all;
  for (std::size_t i = 0; i < from; ++i)
    all.push_back({' ', a[i]});
  compare(a, b, from, a_end, b_end, all);
  for (std::size_t i = a_end; i < a.size(); ++i)
    all.push_back({' ', a[i]});

  std::string out;
  std::size_t a_line = 0;
  std::size_t b_line = 0;
  std::size_t shown = 0;  // lines of `all` that are behind us
  const auto is_change = [](const Line& line) { return line.sign != ' '; };
  while (true) {
    const auto next = std::find_if(all.begin() + static_cast<std::ptrdiff_t>(shown), all.end(), is_change);
    if (next == all.end()) return out;
    const auto change = static_cast<std::size_t>(next - all.begin());
    const std::size_t begin = std::max(shown, change < kAround ? 0 : change - kAround);
    std::size_t end = change + 1;
    for (std::size_t i = change; i < all.size() && i <= end + 2 * kAround; ++i) {
      if (is_change(all[i])) end = i + 1;
    }
    end = std::min(all.size(), end + kAround);
    a_line += begin - shown;
    b_line += begin - shown;
    std::size_t a_count = 0;
    std::size_t b_count = 0;
    std::string hunk;
    for (std::size_t i = begin; i < end; ++i) {
      a_count += all[i].sign == '+' ? 0 : 1;
      b_count += all[i].sign == '-' ? 0 : 1;
      hunk += all[i].sign + std::string(all[i].text) + "\n";
    }
    out += "@@ -" + range(a_line, a_count) + " +" + range(b_line, b_count) + " @@\n" + hunk;
    a_line += a_count;
    b_line += b_count;
    shown = end;
  }
}

}  // namespace postlude::rehearsal
