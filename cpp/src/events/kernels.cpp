// The loops of event data, compiled for one SIMD level.
#include "events/kernels.hpp"

#include "core/level_prelude.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
// clang-format on

namespace spikelet::events::SPIKELET_LEVEL {
using namespace spikelet::SPIKELET_LEVEL;

// A time as a double, by its bits: the levels below 512 bits have no instruction for it.
SPIKELET_INLINE double as_double(std::int64_t t) {
  return std::bit_cast<double>(t | std::bit_cast<std::int64_t>(0x1p52)) - 0x1p52;
}

bool cells(const std::uint64_t* xyp, std::size_t n, const CellPlaces& places, std::int32_t* out) {
  const CellPlaces to = places;
  std::uint32_t bad = 0;
  for (std::size_t k = 0; k < n; ++k) {
    const auto xy = static_cast<std::uint32_t>(xyp[k]),
               p = static_cast<std::uint32_t>(xyp[k] >> 32), x = xy & 0xFFFF, y = xy >> 16;
    bad |= (x >= to.width ? 1u : 0u) | (y >= to.height ? 1u : 0u) | (p >= to.polarities ? 1u : 0u);
    out[k] = static_cast<std::int32_t>(p * to.plane + y * to.pitch + x + to.offset);
  }
  return bad == 0;
}

void extend(const std::int64_t* values, std::size_t n, std::int64_t& low, std::int64_t& high) {
  std::int64_t least = low, most = high;
  for (std::size_t k = 0; k < n; ++k) {
    least = values[k] < least ? values[k] : least;
    most = values[k] > most ? values[k] : most;
  }
  low = least;
  high = most;
}

bool ordered(const std::int64_t* t, std::size_t n, std::int64_t before, std::int64_t last) {
  std::int64_t back = 0;
  for (std::size_t k = 1; k < n; ++k) {
    back |= t[k] < t[k - 1];
  }
  return back == 0 && t[0] >= before && t[n - 1] <= last;
}

template <class T>
void aged(const std::int64_t* t, double now, double rate, T scale, T* out, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    const double age = (now - as_double(t[k])) * rate;
    out[k] = static_cast<T>(age > 0 ? age : 0);
  }
  for (std::size_t k = 0; k < n; k += lanes<T>) {
    store(out + k, exp_neg<T>(load(out + k)) * scale);
  }
}

template <class T>
void spread(const std::int64_t* t, const std::int32_t* cell, const Spread<T>& out, std::size_t n) {
  constexpr double round = 0x1.8p52;  // adding it rounds to an integer, in the low bits
  const Spread<T> to = out;
  for (std::size_t k = 0; k < n; ++k) {
    // An s that is an integer may round down by one: then all of it falls to the later bin.
    const double s = as_double(t[k] - to.first) * to.per_bin, shifted = s - 0.5 + round;
    const auto bin = static_cast<std::int32_t>(std::bit_cast<std::int64_t>(shifted) -
                                               std::bit_cast<std::int64_t>(round));
    const T part = static_cast<T>(s - (shifted - round));
    const bool on = cell[k] >= to.pixels;
    const T sign = on ? T{1} : T{-1};
    to.at[k] = bin * to.pixels + cell[k] - (on ? to.pixels : 0);
    to.early[k] = sign * (1 - part);
    to.late[k] = sign * part;
  }
}

template <class T>
void scaled(const T* x, T scale, T* out, std::size_t n) {
  std::size_t k = 0;
  for (; k + lanes<T> <= n; k += lanes<T>) {
    store(out + k, load(x + k) * scale);
  }
  for (; k < n; ++k) {
    out[k] = x[k] * scale;
  }
}

template <class T>
constexpr EventKernels<T> kernels_of{&aged<T>, &scaled<T>, &spread<T>};

constinit const LevelTable kernel_table{&cells, &extend, &ordered, kernels_of<float>,
                                        kernels_of<double>};

}  // namespace spikelet::events::SPIKELET_LEVEL
#include "core/target_pop.hpp"
