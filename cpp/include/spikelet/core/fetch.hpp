// Prefetching of networks that are about to run: one that waited for others is no longer in the
// cache. Each stage fetches what the pointers of the stage before lead to, so no stage waits for
// memory.
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
