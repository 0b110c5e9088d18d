// The loops of networks that fire once, compiled for one SIMD level.
#include "first_spike/kernels.hpp"

#include "core/level_prelude.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
// clang-format on

namespace spikelet::first_spike::SPIKELET_LEVEL {
using namespace spikelet::SPIKELET_LEVEL;

using Lanes = Vec<std::int32_t>;
inline constexpr int vectors = static_cast<int>(block) / lanes<std::int32_t>;

// Products of two 16-bit halves of each lane, added.
SPIKELET_INLINE Lanes pairs(Lanes a, Lanes b) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  return reinterpret_cast<Lanes>(
      _mm512_madd_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  return reinterpret_cast<Lanes>(
      _mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__x86_64__)
  return reinterpret_cast<Lanes>(
      _mm_madd_epi16(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}

struct Words {
  SPIKELET_INLINE static Lanes add(Lanes sum, Lanes a, Lanes w) { return sum + pairs(a, w); }
};

// Four bytes: even and odd ones as 16-bit pairs; w is signed, a is not.
struct Bytes {
  SPIKELET_INLINE static Lanes add(Lanes sum, Lanes a, Lanes w) {
    using Halves = Vec<std::int16_t>;
    using Unsigned = Vec<std::uint16_t>;
    const auto a2 = reinterpret_cast<Unsigned>(a);
    const auto w2 = reinterpret_cast<Halves>(w);
    const auto even = reinterpret_cast<Lanes>((w2 << 8) >> 8);
    const auto odd = reinterpret_cast<Lanes>(w2 >> 8);
    return sum + pairs(reinterpret_cast<Lanes>(a2 & 255), even) +
           pairs(reinterpret_cast<Lanes>(a2 >> 8), odd);
  }
};

#include "first_spike/convolve.hpp"

template <class Value>
void add_row(const Value* map, std::size_t pixel, std::size_t width, const std::int32_t* gain,
             std::int32_t* sums) {
  for (std::size_t x = 0; x < width; ++x) {
    for (std::size_t c = 0; c < block; ++c) {
      sums[x * block + c] += gain[c] * static_cast<std::int32_t>(map[x * pixel + c]);
    }
  }
}

// The estimate of the quotient, from single precision, errs by at most one.
template <bool Table, class Value>
SPIKELET_INLINE void fire_values(const RowOfNeurons& row, Value* out, std::size_t pixel) {
  constexpr int n = lanes<std::int32_t>;
  using Spikes [[gnu::vector_size(n * sizeof(Value))]] = Value;
  Lanes bias[vectors], unit[vectors], shift[vectors];
  Vec<float> inverse[vectors];
  for (int v = 0; v < vectors; ++v) {
    bias[v] = load(row.bias + v * n);
    unit[v] = load(row.unit + v * n);
    shift[v] = load(row.shift + v * n);
    inverse[v] = load(row.inverse + v * n);
  }
  const Lanes none{}, high = broadcast(row.high);
  const auto limit = static_cast<float>(row.high + 1);
  const std::int32_t* sums = row.sums;
  for (std::size_t x = 0; x < row.width; ++x, out += pixel) {
    for (int v = 0; v < vectors; ++v, sums += n) {
      const Lanes potential = load(sums) + bias[v];
      const Vec<float> quotient = __builtin_convertvector(potential, Vec<float>) * inverse[v];
      Lanes k = __builtin_convertvector(at_most(at_least(quotient, -1.0F), limit), Lanes);
      k += k * unit[v] > potential;  // true is -1
      k -= (k + 1) * unit[v] <= potential;
      k = k > none ? k : none;
      k = k < high ? k : high;
      if constexpr (Table) {
        const std::int16_t* table = row.table + v * n * (row.high + 1);
        for (int i = 0; i < n; ++i, table += row.high + 1) {
          out[v * n + i] = static_cast<Value>(table[k[i]]);
        }
      } else {
        const Spikes spikes = __builtin_convertvector(k - shift[v], Spikes);
        __builtin_memcpy(out + v * n, &spikes, sizeof spikes);
      }
    }
  }
}

template <class Value>
void fire_row(const RowOfNeurons& row, Value* out, std::size_t pixel) {
  row.table == nullptr ? fire_values<false>(row, out, pixel) : fire_values<true>(row, out, pixel);
}

constinit const Kernels kernel_table{
    &row_of_sums<Bytes>,    &row_of_sums<Words>,     &add_row<std::uint8_t>, &add_row<std::int16_t>,
    &add_row<std::int32_t>, &fire_row<std::uint8_t>, &fire_row<std::int16_t>};

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
// With VNNI, one instruction multiplies and adds four bytes, or two words.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512vnni"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512vnni")
#endif
namespace vnni {

struct Words {
  SPIKELET_INLINE static Lanes add(Lanes sum, Lanes a, Lanes w) {
    return reinterpret_cast<Lanes>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sum),
                                                       reinterpret_cast<__m512i>(a),
                                                       reinterpret_cast<__m512i>(w)));
  }
};

struct Bytes {
  SPIKELET_INLINE static Lanes add(Lanes sum, Lanes a, Lanes w) {
    return reinterpret_cast<Lanes>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum),
                                                       reinterpret_cast<__m512i>(a),
                                                       reinterpret_cast<__m512i>(w)));
  }
};

#include "first_spike/convolve.hpp"

}  // namespace vnni
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

constinit const Kernels vnni_kernels{
    &vnni::row_of_sums<vnni::Bytes>, &vnni::row_of_sums<vnni::Words>, &add_row<std::uint8_t>,
    &add_row<std::int16_t>,          &add_row<std::int32_t>,          &fire_row<std::uint8_t>,
    &fire_row<std::int16_t>};
#endif

}  // namespace spikelet::first_spike::SPIKELET_LEVEL
#include "core/target_pop.hpp"
