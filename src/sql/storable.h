#pragma once
// Storable: text as a text column of both databases takes it. PostgreSQL refuses invalid UTF-8 and NUL, and
// the refusal would fail the whole transaction, with the commands of others in it.

#include <string>
#include <string_view>

namespace postlude::sql {

// False for text with NUL or invalid UTF-8.
bool is_storable(std::string_view text);

// `text` itself, or a copy in `room` in which U+FFFD stands for each NUL and each byte that is not UTF-8.
// Every text parameter passes it. What must stay as it came is stored as a blob.
std::string_view storable(std::string_view text, std::string& room);

}  // namespace postlude::sql
