#include "base/check.h"

#include <cstdlib>

#include "base/log.h"

namespace postlude {

void check_failed(const char* condition, const char* file, int line) {
  log::error("a check failed; stopping",
             {{"condition", condition}, {"at", std::string(file) + ":" + std::to_string(line)}});
  (void)log::flush(std::chrono::milliseconds(500));
  std::abort();
}

}  // namespace postlude
