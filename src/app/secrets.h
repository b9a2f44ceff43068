#pragma once
// Secrets: reads the secrets that the configuration names: environment variables once; files again when they
// change (rotation). Loop thread only.

#include <memory>

#include "base/secret.h"
#include "kube/access.h"

namespace postlude::app {

SecretLookup secret_lookup();

// For clusters: the environment, and what Kubernetes tells a pod by it.
kube::Surroundings surroundings();

// The same, and logs when a secret becomes unreadable or readable again.
SecretLookup telling(SecretLookup lookup);

}  // namespace postlude::app
