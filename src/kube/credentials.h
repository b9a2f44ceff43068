#pragma once
// Credentials: reads what a cluster's access consists of (files, kubeconfigs), runs credential plugins, and
// keeps what they yield until it expires.

#include <memory>

#include "kube/access.h"
#include "rt/loop.h"

namespace postlude::kube {

std::unique_ptr<Clusters> clusters(rt::Loop& loop, Surroundings surroundings);

// Reads what can be read without running a plugin, for `check --secrets`. Blocks.
Status look_at(const Cluster& cluster, const Surroundings& surroundings);

}  // namespace postlude::kube
