// The kernels of event data that are compiled for each SIMD level; all levels give the same bits.
#pragma once

#include <cstddef>

#include "core/levels.hpp"

namespace spikelet::events {

template <class T>
struct EventKernels {
  // out[k] = scale exp(-x[k]) for x >= 0, n a multiple of 16
  void (*decayed)(const T* x, T scale, T* out, std::size_t n);
  // out[k] = x[k] scale
  void (*scaled)(const T* x, T scale, T* out, std::size_t n);
};

struct LevelTable {
  EventKernels<float> single;
  EventKernels<double> twice;

  template <class T>
  const EventKernels<T>& of() const {
    if constexpr (sizeof(T) == 4) {
      return single;
    } else {
      return twice;
    }
  }
};

SPIKELET_LEVEL_TABLE(LevelTable)

}  // namespace spikelet::events
