// Vectors of narrower integers with as many lanes as those of R: indices of 16 bits and words of 32,
// and what they look up. Included by kernel sources after simd.hpp.

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

}  // namespace spikelet::SPIKELET_LEVEL
