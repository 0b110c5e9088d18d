// Prefetching of memory that will be needed soon: a network that has to wait for others is no
// longer in the cache when its turn comes. What a pointer leads to is fetched a stage later than
// the pointer: by then it has come, and nobody waits.
#pragma once

#include <cstddef>

namespace spikelet {

inline constexpr int fetch_stages = 5;

// Into the second-level cache: many lines ahead would fill the buffers of first-level misses.
inline void fetch_line(const void* line) { __builtin_prefetch(line, 0, 2); }

// All of some memory, if it is at most 32 KB.
inline void fetch_if_small(const void* from, std::size_t bytes) {
  constexpr std::size_t most = 32768, line = 64;
  if (bytes <= most) {
    for (std::size_t k = 0; k < bytes; k += line) {
      fetch_line(static_cast<const char*>(from) + k);
    }
  }
}

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
