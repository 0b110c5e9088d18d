// Prefetching of memory that will be needed soon: a network that has to wait for others is no
// longer in the cache when its turn comes. What a pointer leads to is fetched a stage later than
// the pointer: by then it has come, and nobody waits.
#pragma once

#include "spikelet/core/line.hpp"

namespace spikelet {

inline constexpr int fetch_stages = 5;

// What a vector holds, not what that points to.
template <class Values>
void fetch_values(const Values& values) {
  fetch_if_small(values.data(), values.size() * sizeof(*values.data()));
}

template <class T>
void fetch_object(const T& object) {
  fetch_if_small(&object, sizeof(object));
}

}  // namespace spikelet
