#include "cli/table.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/printable.h"
#include "base/text.h"
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

std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows, const std::vector<std::string>& below,
                     Below how, const std::set<std::size_t>& first) {
  constexpr std::size_t kIndent = 4;
  const std::string table = table_of(heading, rows, first);
  const std::size_t width = std::max(table_width(), 2 * kIndent);
  std::string out;
  std::size_t line = 0;  // 0: the heading
  for (const std::string_view row : split(table, '\n')) {
    if (row.empty()) continue;
    out += std::string(row) + "\n";
    if (line++ == 0 || line - 2 >= below.size() || below[line - 2].empty()) continue;
    const std::string text = printable(below[line - 2], Lines::kBlank);
    out += std::string(kIndent, ' ') +
           (how == Below::kCut ? cut_to(text, width - kIndent) : wrapped(text, kIndent, width)) + "\n";
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t at = indent;
  for (std::string_view word : split(text, ' ')) {
    std::size_t wide = columns_of(word);
    if (at > indent && at + 1 + wide > width) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
    } else if (at > indent) {
      out += ' ';
      ++at;
    }
    // What has no blank is broken somewhere.
    while (at + wide > width && width > indent + 2) {
      std::size_t size = 0;
      std::size_t taken = 0;
      while (size < word.size()) {
        std::size_t next = size + 1;
        while (next < word.size() && within_character(word[next]))
          ++next;
        const std::size_t more = columns_of(word.substr(size, next - size));
        if (at + taken + more > width) break;
        size = next;
        taken += more;
      }
      out += std::string(word.substr(0, size)) + "\n" + std::string(indent, ' ');
      word.remove_prefix(size);
      wide = columns_of(word);
      at = indent;
    }
    out += word;
    at += wide;
  }
  return out;
}

}  // namespace postlude::cli
