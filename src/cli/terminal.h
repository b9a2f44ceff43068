#pragma once
// Terminal: escapes everything that the commands print with functions of <cstdio>, so that no output can
// control the terminal.

#include <cstddef>
#include <string_view>

namespace postlude::cli {

// From now on, output to `stdout` and `stderr` is escaped (base/printable.h), except newlines.
void guard_output();

// Writes to standard output. Colours (ESC [ … m) pass; everything else is escaped.
void print_coloured(std::string_view text);

// Maximum width of tables: COLUMNS, the terminal's width, else 80. 0: unlimited.
std::size_t table_width();
void make_tables_wide();  // -o wide

}  // namespace postlude::cli
