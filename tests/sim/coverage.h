#pragma once
// Coverage: what a thousand seeds must have met, or the simulation is dead.

namespace postlude::sim {

constexpr const char* kMustBeMet[] = {
    "deliveries",
};

}  // namespace postlude::sim
