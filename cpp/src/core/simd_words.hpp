// Vectors of narrower integers: indices of 16 bits and words of 32 with as many lanes as those of
// R, what they look up, and look-ups in small tables. Included by kernel sources after simd.hpp.

namespace spikelet::SPIKELET_LEVEL {

// 16-bit indices, widened, and the values at these indices.
template <class R>
struct IndexOf {
  typedef std::uint16_t narrow __attribute__((vector_size(2 * lanes<R>)));
  typedef std::int32_t type __attribute__((vector_size(4 * lanes<R>)));
};
template <class R>
SPIKELET_INLINE typename IndexOf<R>::type load_index(const std::uint16_t* p) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  // One instruction each, where GCC makes four or five.
#if SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<typename IndexOf<R>::type>(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
  }
#endif
  if constexpr (lanes<R> == 8) {
    return reinterpret_cast<typename IndexOf<R>::type>(
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
#endif
  typename IndexOf<R>::narrow v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, typename IndexOf<R>::type);
}
template <class R>
SPIKELET_INLINE Vec<R> gather(const R* values, typename IndexOf<R>::type index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(
        _mm512_i32gather_ps(reinterpret_cast<__m512i>(index), values, 4));
  } else {
    return reinterpret_cast<Vec<R>>(
        _mm512_i32gather_pd(reinterpret_cast<__m256i>(index), values, 8));
  }
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(
        _mm256_i32gather_ps(values, reinterpret_cast<__m256i>(index), 4));
  } else {
    return reinterpret_cast<Vec<R>>(
        _mm256_i32gather_pd(values, reinterpret_cast<__m128i>(index), 8));
  }
#else
  Vec<R> v{};
  for (int k = 0; k < lanes<R>; ++k) {
    v[k] = values[index[k]];
  }
  return v;
#endif
}

// As many 32-bit integers as R has lanes: loaded, gathered, and one bit for each lane of a
// comparison.
template <class R>
SPIKELET_INLINE typename IndexOf<R>::type load_words(const void* p) {
  typename IndexOf<R>::type v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class R>
SPIKELET_INLINE typename IndexOf<R>::type gather_words(const std::int32_t* values,
                                                       typename IndexOf<R>::type index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<typename IndexOf<R>::type>(
        _mm512_i32gather_epi32(reinterpret_cast<__m512i>(index), values, 4));
  } else {
    return reinterpret_cast<typename IndexOf<R>::type>(
        _mm256_i32gather_epi32(values, reinterpret_cast<__m256i>(index), 4));
  }
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<typename IndexOf<R>::type>(
        _mm256_i32gather_epi32(values, reinterpret_cast<__m256i>(index), 4));
  } else {
    return reinterpret_cast<typename IndexOf<R>::type>(
        _mm_i32gather_epi32(values, reinterpret_cast<__m128i>(index), 4));
  }
#else
  typename IndexOf<R>::type v{};
  for (int k = 0; k < lanes<R>; ++k) {
    v[k] = values[index[k]];
  }
  return v;
#endif
}
// A comparison of such integers as one of R.
template <class R>
SPIKELET_INLINE Mask<R> widened_mask(typename IndexOf<R>::type m) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  if constexpr (sizeof(R) == 8) {  // one instruction where GCC makes four
#if SPIKELET_VECTOR_BYTES == 64
    return reinterpret_cast<Mask<R>>(_mm512_cvtepi32_epi64(reinterpret_cast<__m256i>(m)));
#else
    return reinterpret_cast<Mask<R>>(_mm256_cvtepi32_epi64(reinterpret_cast<__m128i>(m)));
#endif
  }
#endif
  return __builtin_convertvector(m, Mask<R>);
}
template <class R>
SPIKELET_INLINE std::uint32_t word_bits(typename IndexOf<R>::type m) {
  return static_cast<std::uint32_t>(bits<R>(widened_mask<R>(m)));
}

// x + step * sums, which are then 0. Int: Sum, as a signed number. The sum is negated and
// subtracted: a sum of 0 then leaves x as it is, even one of -0, so that sums which can only be 0
// need not be added.
template <class Int, class V, class R, class Sum>
SPIKELET_INLINE V with_sums(V x, Sum* sums, R step) {
  typedef Int Sums __attribute__((vector_size(lanes<R> * sizeof(Int))));
  Sums sum;
  __builtin_memcpy(&sum, sums, sizeof sum);
  const Sums none{};
  __builtin_memcpy(sums, &none, sizeof none);
  return x - __builtin_convertvector(-sum, V) * step;
}

// How many of 8 numbers that grow are above a limit.
SPIKELET_INLINE std::uint32_t count_above(const std::int32_t* p, std::int32_t limit) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  const __m256i above = _mm256_cmpgt_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
                                           _mm256_set1_epi32(limit));
  return static_cast<std::uint32_t>(
      std::popcount(static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(above)))));
#else
  std::uint32_t n = 0;
  for (int k = 0; k < 8; ++k) {
    n += p[k] > limit ? 1u : 0u;
  }
  return n;
#endif
}

#if SPIKELET_VECTOR_BYTES == 64
// table[index], lane by lane.
SPIKELET_INLINE Vec<std::uint16_t> look_up(Vec<std::uint16_t> table, Vec<std::uint16_t> index) {
  return reinterpret_cast<Vec<std::uint16_t>>(
      _mm512_permutexvar_epi16(reinterpret_cast<__m512i>(index), reinterpret_cast<__m512i>(table)));
}
#elif SPIKELET_VECTOR_BYTES == 32 || defined(__aarch64__)
#define SPIKELET_LOOKS_UP_BYTES
// table[index] of 32 bytes, lane by lane.
SPIKELET_INLINE Vec<std::uint8_t> look_up(const std::array<std::uint8_t, 32>& table,
                                          Vec<std::uint8_t> index) {
#if defined(__aarch64__)
  return reinterpret_cast<Vec<std::uint8_t>>(
      vqtbl2q_u8(vld1q_u8_x2(table.data()), reinterpret_cast<uint8x16_t>(index)));
#else
  const auto half = [&](int k) {
    return _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data() + 16 * k)));
  };
  const auto at = reinterpret_cast<__m256i>(index);
  // Bit 4 of the index, moved to the sign, selects the half.
  return reinterpret_cast<Vec<std::uint8_t>>(_mm256_blendv_epi8(_mm256_shuffle_epi8(half(0), at),
                                                                _mm256_shuffle_epi8(half(1), at),
                                                                _mm256_slli_epi16(at, 3)));
#endif
}

// Two vectors as bytes, in an order of the level's own: numbers below 128, or results of a
// comparison. One bit for each of the latter, in the order of the two vectors. And the way from low
// and high bytes in that order to two vectors.
SPIKELET_INLINE Vec<std::uint8_t> narrowed(Vec<std::uint16_t> a, Vec<std::uint16_t> b) {
#if defined(__aarch64__)
  return reinterpret_cast<Vec<std::uint8_t>>(
      vmovn_high_u16(vmovn_u16(reinterpret_cast<uint16x8_t>(a)), reinterpret_cast<uint16x8_t>(b)));
#else
  return reinterpret_cast<Vec<std::uint8_t>>(
      _mm256_packs_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#endif
}
SPIKELET_INLINE std::uint32_t bits8(Vec<std::uint8_t> narrow) {
#if defined(__aarch64__)
  const auto m = reinterpret_cast<uint8x16_t>(narrow);
  if (vmaxvq_u8(m) == 0) [[likely]] {
    return 0;
  }
  const uint8x8_t places{1, 2, 4, 8, 16, 32, 64, 128};
  return vaddv_u8(vand_u8(vget_low_u8(m), places)) |
         static_cast<std::uint32_t>(vaddv_u8(vand_u8(vget_high_u8(m), places))) << 8;
#else
  return static_cast<std::uint32_t>(
      _mm256_movemask_epi8(_mm256_permute4x64_epi64(reinterpret_cast<__m256i>(narrow), 0xd8)));
#endif
}
SPIKELET_INLINE std::pair<Vec<std::uint16_t>, Vec<std::uint16_t>> joined(Vec<std::uint8_t> low,
                                                                         Vec<std::uint8_t> high) {
  using U = Vec<std::uint16_t>;
#if defined(__aarch64__)
  const auto l = reinterpret_cast<uint8x16_t>(low), h = reinterpret_cast<uint8x16_t>(high);
  return {reinterpret_cast<U>(vzip1q_u8(l, h)), reinterpret_cast<U>(vzip2q_u8(l, h))};
#else
  const auto l = reinterpret_cast<__m256i>(low), h = reinterpret_cast<__m256i>(high);
  return {reinterpret_cast<U>(_mm256_unpacklo_epi8(l, h)),
          reinterpret_cast<U>(_mm256_unpackhi_epi8(l, h))};
#endif
}
#endif

}  // namespace spikelet::SPIKELET_LEVEL
