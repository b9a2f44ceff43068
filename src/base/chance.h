#pragma once
// Chance: makes random_bytes() and random_number() repeatable on this thread. For rehearsals and tests only.

#include <cstdint>

namespace postlude {

// From now on, all random numbers of this thread follow from `seed`. None of them is secret any more.
void seed_chance(std::uint64_t seed);
void unseed_chance();  // back to the operating system's random numbers
// Switches to the operating system's random numbers for a while, or back; the seeded sequence then continues
// where it stopped. Returns the previous setting.
bool pause_chance(bool pause);

}  // namespace postlude
