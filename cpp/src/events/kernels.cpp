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

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
void split(const std::byte* records, std::ptrdiff_t stride, std::size_t n, RecordPlaces places,
           std::int64_t* t, std::uint64_t* xyp) {
  alignas(16) std::uint8_t bytes[16];
  for (unsigned i = 0; i < 16; ++i) {
    const auto byte = [i](std::uint8_t place, unsigned start) {
      return static_cast<std::uint8_t>(place == no_field ? no_field : place + i - start);
    };
    bytes[i] = i < 8     ? byte(places.t, 0)
               : i < 10  ? byte(places.x, 8)
               : i < 12  ? byte(places.y, 10)
               : i == 12 ? byte(places.p, 12)
                         : no_field;
  }
  const __m128i from = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
  std::size_t k = 0;
  for (; k + 2 <= n; k += 2) {
    store_halves(shuffled(records, from), shuffled(records + stride, from), t + k, xyp + k);
    records += 2 * stride;
  }
  if (k < n) {
    std::int64_t last_t[2];
    std::uint64_t last_xyp[2];
    store_halves(shuffled(records, from), __m128i{}, last_t, last_xyp);
    t[k] = last_t[0];
    xyp[k] = last_xyp[0];
  }
}
#else
void split(const std::byte* records, std::ptrdiff_t stride, std::size_t n, RecordPlaces places,
           std::int64_t* t, std::uint64_t* xyp) {
  const auto field = [&]<class T>(T, std::uint8_t place) {
    T value{};
    if (place != no_field) {
      __builtin_memcpy(&value, records + place, sizeof value);
    }
    return value;
  };
  for (std::size_t k = 0; k < n; ++k) {
    t[k] = field(std::int64_t{}, places.t);
    xyp[k] = field(std::uint16_t{}, places.x) |
             std::uint64_t{field(std::uint16_t{}, places.y)} << 16 |
             std::uint64_t{field(std::uint8_t{}, places.p)} << 32;
    records += stride;
  }
}
#endif

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
    to.parts[2 * k] = sign * (1 - part);
    to.parts[2 * k + 1] = sign * part;
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

constinit const LevelTable kernel_table{
    &split, &cells, &extend, &ordered, kernels_of<float>, kernels_of<double>};

}  // namespace spikelet::events::SPIKELET_LEVEL
#include "core/target_pop.hpp"
