// Values at the lanes of an index. Lane by lane where the instructions that gather take longer, as
// on processors of AMD.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
using Words = typename IndexOf<R>::type;

// Puts the lanes of an index where loads find them; the compiler would take them from the vector
// one by one.
template <class W>
SPIKELET_INLINE void put_in_memory(W index, std::int32_t* to) {
  __builtin_memcpy(to, &index, sizeof index);
  __asm__("" : "+m"(*reinterpret_cast<std::int32_t (*)[sizeof(W) / sizeof(*to)]>(to)));
}

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
template <class I>
SPIKELET_INLINE __m128i four_at(const void* values, const I* index) {
  const auto* p = static_cast<const std::int32_t*>(values);
  __m128i v = _mm_cvtsi32_si128(p[index[0]]);
  v = _mm_insert_epi32(v, p[index[1]], 1);
  v = _mm_insert_epi32(v, p[index[2]], 2);
  return _mm_insert_epi32(v, p[index[3]], 3);
}
template <class I>
SPIKELET_INLINE __m256i eight_at(const void* values, const I* index) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(four_at(values, index)),
                                 four_at(values, index + 4), 1);
}
// Pairs of 32-bit values.
SPIKELET_INLINE __m128i two_pairs_at(const void* pairs, const std::uint16_t* index) {
  const auto* p = static_cast<const double*>(pairs);
  return _mm_castpd_si128(_mm_loadh_pd(_mm_load_sd(p + index[0]), p + index[1]));
}
SPIKELET_INLINE __m256i four_pairs_at(const void* pairs, const std::uint16_t* index) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(two_pairs_at(pairs, index)),
                                 two_pairs_at(pairs, index + 2), 1);
}
#endif

// 32-bit values, bit by bit.
SPIKELET_INLINE Words<float> words_at(const void* values, Words<float> index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  alignas(64) std::int32_t at[lanes<float>];
  put_in_memory(index, at);
#if SPIKELET_VECTOR_BYTES == 64
  return reinterpret_cast<Words<float>>(_mm512_inserti64x4(
      _mm512_castsi256_si512(eight_at(values, at)), eight_at(values, at + 8), 1));
#else
  return reinterpret_cast<Words<float>>(eight_at(values, at));
#endif
#else
  return gather_words<float>(static_cast<const std::int32_t*>(values), index);
#endif
}
template <class R>
SPIKELET_INLINE Vec<R> look_up(const R* values, Words<R> index) {
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(words_at(values, index));
  } else {
    return gather<R>(values, index);
  }
}
template <class R>
SPIKELET_INLINE Words<R> look_up_words(const std::int32_t* values, Words<R> index) {
  if constexpr (sizeof(R) == 4) {
    return words_at(values, index);
  } else {
    return gather_words<R>(values, index);
  }
}

// The newest spikes of a vector of targets.
template <class R>
SPIKELET_INLINE void look_up_newest(const NewestSpike<R>* newest, const std::uint16_t* target,
                                    Words<R>& stamp, Vec<R>& trace) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    const __m512i a = _mm512_inserti64x4(_mm512_castsi256_si512(four_pairs_at(newest, target)),
                                         four_pairs_at(newest, target + 4), 1),
                  b = _mm512_inserti64x4(_mm512_castsi256_si512(four_pairs_at(newest, target + 8)),
                                         four_pairs_at(newest, target + 12), 1);
    const __m512i even =
        _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    stamp = reinterpret_cast<Words<R>>(_mm512_permutex2var_epi32(a, even, b));
    trace = reinterpret_cast<Vec<R>>(_mm512_permutex2var_epi32(a, odd, b));
    return;
  }
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(R) == 4) {
    // Shuffles work in 128-bit halves: 0 1 4 5 and 2 3 6 7.
    const __m256 a = _mm256_castsi256_ps(four_pairs_at(newest, target)),
                 b = _mm256_castsi256_ps(four_pairs_at(newest, target + 4));
    const auto in_order = [](__m256 v) {
      return _mm256_permute4x64_epi64(_mm256_castps_si256(v), 0xd8);
    };
    stamp = reinterpret_cast<Words<R>>(in_order(_mm256_shuffle_ps(a, b, 0x88)));
    trace = reinterpret_cast<Vec<R>>(in_order(_mm256_shuffle_ps(a, b, 0xdd)));
    return;
  }
#endif
  for (int k = 0; k < lanes<R>; ++k) {
    stamp[k] = newest[target[k]].stamp;
    trace[k] = newest[target[k]].trace;
  }
}

// table[index] of 16 values.
template <class R>
SPIKELET_INLINE Words<R> word_of_16(const std::int32_t* table, Words<R> index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Words<R>>(
        _mm512_permutexvar_epi32(reinterpret_cast<__m512i>(index), _mm512_loadu_si512(table)));
  }
#endif
  return gather_words<R>(table, index);
}
template <class R>
SPIKELET_INLINE Vec<R> value_of_16(const R* table, Words<R> index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(
        _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), _mm512_loadu_ps(table)));
  }
#endif
  return gather<R>(table, index);
}

}  // namespace spikelet::SPIKELET_LEVEL
