#pragma once
// Table: rows with a heading, made to fit the terminal.

#include <set>
#include <string>
#include <vector>

namespace postlude::cli {

// Columns as wide as their widest cell. Where that is wider than table_width(), the widest columns are cut
// with an …; those in `first` (by their place) after all others, and ids never, so that they can be copied.
// Cells may hold anything.
std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows,
                     const std::set<std::size_t>& first = {});

// dlv_… evt_… rel_… run_… att_…
bool is_id(std::string_view text);

}  // namespace postlude::cli
