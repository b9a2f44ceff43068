#pragma once
// Secrets: reads the secrets that the configuration names: environment variables once; files again when they
// change (rotation). Loop thread only.

#include <memory>

#include "base/secret.h"

namespace postlude::app {

SecretLookup secret_lookup();

// The same, and logs when a secret becomes unreadable or readable again.
SecretLookup telling(SecretLookup lookup);

}  // namespace postlude::app
