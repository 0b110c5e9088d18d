// The kernels of event data that are compiled for each SIMD level; all levels give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/levels.hpp"

namespace spikelet::events {

// Times lie in [0, most_time), so that their differences are exact in double.
inline constexpr std::int64_t most_time = std::int64_t{1} << 52;

// What event k adds to a voxel grid: parts[2 k] at element at[k], parts[2 k + 1] at the same pixel
// of the next bin. s = (t - first) per_bin is where an event lies among the bins; cell >= pixels is
// p = 1.
template <class T>
struct Spread {
  std::int64_t first;
  double per_bin;
  std::int32_t pixels;
  std::int32_t* at;
  T* parts;
};

template <class T>
struct EventKernels {
  // out[k] = scale exp(-max(now - t[k], 0) rate), n a multiple of 16
  void (*aged)(const std::int64_t* t, double now, double rate, T scale, T* out, std::size_t n);
  // out[k] = x[k] scale
  void (*scaled)(const T* x, T scale, T* out, std::size_t n);
  void (*spread)(const std::int64_t* t, const std::int32_t* cell, const Spread<T>& out,
                 std::size_t n);
};

// Where the cell of an event lies: at p * plane + y * pitch + x + offset, modulo 2^32.
struct CellPlaces {
  std::uint32_t width, height, polarities;
  std::uint32_t pitch, plane, offset;
};

// Where the fields of a record lie among its 16 bytes: t of 8 bytes, x and y of 2, p of 1.
inline constexpr std::uint8_t no_field = 128;  // reads as 0
struct RecordPlaces {
  std::uint8_t t, x, y, p;
};

struct LevelTable {
  // Splits records into t and x + 2^16 y + 2^32 p. Reads 16 bytes of each.
  void (*split)(const std::byte* records, std::ptrdiff_t stride, std::size_t n, RecordPlaces places,
                std::int64_t* t, std::uint64_t* xyp);
  // The cells of events that are given as x + 2^16 y + 2^32 p; returns whether all fit.
  bool (*cells)(const std::uint64_t* xyp, std::size_t n, const CellPlaces& places,
                std::int32_t* out);
  // Lowers `low` and raises `high` to the values.
  void (*extend)(const std::int64_t* values, std::size_t n, std::int64_t& low, std::int64_t& high);
  // Whether values do not decrease, the first being at least `before`, the last at most `last`.
  bool (*ordered)(const std::int64_t* t, std::size_t n, std::int64_t before, std::int64_t last);
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
