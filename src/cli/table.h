#pragma once
// Table: formats rows with a heading to fit the terminal.

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

// dlv_… evt_… rel_… run_… att_…
bool is_id(std::string_view text);

}  // namespace postlude::cli
