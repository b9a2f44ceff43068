#pragma once
// Audit: whether the chain of audit records holds, read from a daemon's store or from a database file.
//
// The chain shows what was changed or removed between two records. It cannot show that the last ones were cut
// off: whoever wants to see that keeps the number of records and the head elsewhere, and compares.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace postlude::store {

struct AuditCheck {
  std::int64_t records = 0;  // that follow from one another, counted from the first
  std::string head;          // the last one's chain value, as hex; "": none
  std::string bad;           // the first bad record; "": the chain holds
};

// Reads only, some thousand records at a time, beside a daemon or without one. kInvalid: it cannot be read,
// or is no database of ours.
Result<AuditCheck> verify_audit_file(const std::string& path);
// Each record as a line of JSON, in order, until `line` says that it wants no more.
Status export_audit_file(const std::string& path, const std::function<bool(const std::string&)>& line);

}  // namespace postlude::store
