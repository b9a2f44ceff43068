#pragma once
// Chance: lets random_bytes() and random_number() repeat themselves, on this thread; for rehearsals and tests
// only.

#include <cstdint>

namespace postlude {

// From now on all chance of this thread follows from `seed`: nothing that it makes is a secret any more.
void seed_chance(std::uint64_t seed);
void unseed_chance();  // chance is the operating system's again
// Chance is the operating system's for a while; what follows from the seed goes on afterwards where it was.
// Yields what was said last.
bool pause_chance(bool pause);

}  // namespace postlude
