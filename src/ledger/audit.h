#pragma once
// Audit: checks and exports the chain of audit records of a database file.
//
// The chain reveals records that were changed or removed between two others. It cannot reveal that the last
// records were cut off: for that, keep the number of records and the head elsewhere, and compare.

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace postlude::ledger {

struct AuditCheck {
  std::int64_t records = 0;  // number of good records, from the first on
  std::string head;          // chain value of the last record, in hex; "": none
  std::string bad;           // the first bad record; "": the chain holds
};

// Reads the file in portions, also while a daemon uses it. kInvalid: the file cannot be read, or is not a
// database of ours.
Result<AuditCheck> verify_audit_file(const std::string& path);
// Calls `line` with each record as one line of JSON, in order, until `line` returns false.
Status export_audit_file(const std::string& path, const std::function<bool(const std::string&)>& line);

}  // namespace postlude::ledger
