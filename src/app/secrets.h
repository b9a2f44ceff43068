#pragma once
// Secrets: fetches what configuration names: variables of the environment, read once, and files, read again
// when they change (rotation). Loop thread only.

#include <memory>

#include "base/secret.h"

namespace postlude::app {

SecretLookup secret_lookup();

// The same, and the log says when a secret cannot be read, and when it can be again.
SecretLookup telling(SecretLookup lookup);

}  // namespace postlude::app
