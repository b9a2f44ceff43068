#include "cli/table.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/printable.h"
#include "cli/terminal.h"

namespace postlude::cli {

namespace {

constexpr std::size_t kBetween = 2;     // blanks between columns
constexpr std::size_t kNarrowest = 6;   // a column is not cut below that
constexpr std::size_t kCellMost = 500;  // of a table as wide as it likes

using Rows = std::vector<std::vector<std::string>>;

struct Widths {
  std::vector<std::size_t> now, least;
};

Widths widths_of(const Rows& rows) {
  Widths widths;
  widths.now.assign(rows.front().size(), 0);
  widths.least.assign(rows.front().size(), kNarrowest);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.now.size(); ++i) {
      const std::size_t columns = columns_of(row[i]);
      widths.now[i] = std::max(widths.now[i], columns);
      if (is_id(row[i])) widths.least[i] = std::max(widths.least[i], columns);
    }
  }
  for (std::size_t i = 0; i < widths.now.size(); ++i)  // a heading stays whole
    widths.least[i] = std::max(widths.least[i], columns_of(rows.front()[i]));
  return widths;
}

// Takes from the widest column that has something to give, until all fit or none has. Those in `spared` give
// nothing.
void fit(Widths& widths, std::size_t most, const std::set<std::size_t>& spared) {
  const std::size_t between = kBetween * (widths.now.size() - 1);
  std::size_t all = std::accumulate(widths.now.begin(), widths.now.end(), between);
  while (all > most) {
    std::size_t widest = widths.now.size();
    for (std::size_t i = 0; i < widths.now.size(); ++i) {
      if (widths.now[i] <= widths.least[i] || spared.contains(i)) continue;
      if (widest == widths.now.size() || widths.now[i] > widths.now[widest]) widest = i;
    }
    if (widest == widths.now.size()) return;
    --widths.now[widest];
    --all;
  }
}

}  // namespace

bool is_id(std::string_view text) {
  constexpr std::array<std::string_view, 5> kPrefixes{"dlv_", "evt_", "rel_", "run_", "att_"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [text](std::string_view prefix) {
    return text.starts_with(prefix) && text.size() > prefix.size() &&
           text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz", prefix.size()) ==
               std::string_view::npos;
  });
}

std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows, const std::set<std::size_t>& first) {
  Rows all{heading};
  for (const auto& row : rows) {
    auto& cells = all.emplace_back();
    for (const std::string& cell : row)
      cells.push_back(cut_to(printable(cell, Lines::kBlank), kCellMost));
  }
  Widths widths = widths_of(all);
  if (table_width() > 0) {
    fit(widths, table_width(), first);
    fit(widths, table_width(), {});
  }
  std::string out;
  for (const auto& row : all) {
    std::string line;
    for (std::size_t i = 0; i < row.size() && i < heading.size(); ++i) {
      const std::string cell = is_id(row[i]) ? row[i] : cut_to(row[i], widths.now[i]);
      const std::size_t columns = columns_of(cell);
      line += cell;
      if (i + 1 < heading.size())
        line.append(widths.now[i] - std::min(columns, widths.now[i]) + kBetween, ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace postlude::cli
