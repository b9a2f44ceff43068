#pragma once
// Table: formats rows with a heading to fit the terminal.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace postlude::cli {

// Each column is as wide as its widest cell. If the table is wider than table_width(), the widest columns are
// cut with an …; the columns in `first` (by index) last, and ids never, so that they can be copied. Cells may
// contain anything.
std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows,
                     const std::set<std::size_t>& first = {});

// A table with a line below each row whose text is not empty: what is too long for a column. `kWrap`: on as
// many lines as it needs; `kCut`: on one.
enum class Below : std::uint8_t { kWrap = 1, kCut };
std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows, const std::vector<std::string>& below,
                     Below how, const std::set<std::size_t>& first = {});

// `text`, the first line of which begins in column `indent`, on lines of at most `width` columns, broken at
// blanks; the others are indented as far.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width);

// dlv_… evt_… rel_… run_… att_…
bool is_id(std::string_view text);

}  // namespace postlude::cli
