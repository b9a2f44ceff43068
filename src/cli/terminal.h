#pragma once
// Terminal: the one place where text leaves for people. All that a command prints, by whatever function of
// <cstdio>, goes through it; nothing that a terminal would act on gets by.

#include <cstddef>
#include <string_view>

namespace postlude::cli {

// From here on `stdout` and `stderr` are escaped (base/printable.h), newlines kept.
void guard_output();

// To standard output: colours (ESC [ … m) pass, all else is escaped as ever.
void print_coloured(std::string_view text);

// How wide tables may be: COLUMNS, the terminal's own width, else 80. 0: as wide as they like.
std::size_t table_width();
void make_tables_wide();  // -o wide

}  // namespace postlude::cli
