// Gathers: the values at the indices in a vector. Lane by lane on processors where the gather
// instructions are slower, such as AMD's.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
using Words = typename IndexOf<R>::type;

#if defined(__x86_64__)
// The k-th of four 16-bit indices that were loaded at once: a load for each would compete with the
// values'.
SPIKELET_INLINE std::uint64_t four_indices(const std::uint16_t* index) {
  std::uint64_t four;
  __builtin_memcpy(&four, index, sizeof four);
  return four;
}
SPIKELET_INLINE std::size_t one_of(std::uint64_t four, int k) {
  return static_cast<std::uint16_t>(four >> (16 * k));
}

#endif

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
// Lanes 2 k and 2 k + 1 of an index, the second one in the upper half. Two at a time come from a
// vector in less time than one by one from memory that has just been written.
template <class R>
struct PairsOf {
  typedef std::uint64_t type __attribute__((vector_size(4 * lanes<R>)));
};
template <class R>
SPIKELET_INLINE std::uint64_t two_lanes(Words<R> index, int k) {
  return reinterpret_cast<typename PairsOf<R>::type>(index)[k];
}

// 32-bit values at four indices.
SPIKELET_INLINE __m128i four_at(const void* values, std::size_t a, std::size_t b, std::size_t c,
                                std::size_t d) {
  const auto* p = static_cast<const std::int32_t*>(values);
  __m128i v = _mm_cvtsi32_si128(p[a]);
  v = _mm_insert_epi32(v, p[b], 1);
  v = _mm_insert_epi32(v, p[c], 2);
  return _mm_insert_epi32(v, p[d], 3);
}
SPIKELET_INLINE __m128i four_at(const void* values, Words<float> index, int k) {
  const std::uint64_t a = two_lanes<float>(index, k), b = two_lanes<float>(index, k + 1);
  return four_at(values, static_cast<std::uint32_t>(a), a >> 32, static_cast<std::uint32_t>(b),
                 b >> 32);
}
SPIKELET_INLINE __m256i eight_at(const void* values, Words<float> index, int k) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(four_at(values, index, k)),
                                 four_at(values, index, k + 2), 1);
}
SPIKELET_INLINE __m128i four_at(const void* values, const std::uint16_t* index) {
  const std::uint64_t four = four_indices(index);
  return four_at(values, one_of(four, 0), one_of(four, 1), one_of(four, 2), one_of(four, 3));
}
SPIKELET_INLINE __m256i eight_at(const void* values, const std::uint16_t* index) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(four_at(values, index)),
                                 four_at(values, index + 4), 1);
}
#endif

// 32-bit values, bit by bit.
SPIKELET_INLINE Words<float> words_at(const void* values, Words<float> index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  return reinterpret_cast<Words<float>>(_mm512_inserti64x4(
      _mm512_castsi256_si512(eight_at(values, index, 0)), eight_at(values, index, 4), 1));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  return reinterpret_cast<Words<float>>(eight_at(values, index, 0));
#else
  return gather_words<float>(static_cast<const std::int32_t*>(values), index);
#endif
}
template <class R>
SPIKELET_INLINE Vec<R> look_up(const R* values, const std::int32_t* index) {
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(words_at(values, load_words<R>(index)));
  } else {
    return gather<R>(values, load_words<R>(index));
  }
}
// At 16-bit indices.
template <class R>
SPIKELET_INLINE Vec<R> look_up(const R* values, const std::uint16_t* index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  if constexpr (sizeof(R) == 4) {
#if SPIKELET_VECTOR_BYTES == 64
    return reinterpret_cast<Vec<R>>(_mm512_inserti64x4(
        _mm512_castsi256_si512(eight_at(values, index)), eight_at(values, index + 8), 1));
#else
    return reinterpret_cast<Vec<R>>(eight_at(values, index));
#endif
  }
#endif
  return gather<R>(values, load_index<R>(index));
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
template <class R>
SPIKELET_INLINE void pack_words(std::uint32_t which, Words<R> v, std::int32_t* to) {
  pack(which, v, reinterpret_cast<std::uint32_t*>(to));
}
template <class R>
SPIKELET_INLINE Words<R> look_up_words(const std::int32_t* values, const std::int32_t* index) {
  return look_up_words<R>(values, load_words<R>(index));
}

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
// Targets that lie close together, as in dense rows: what a vector of them has is picked from two
// vectors of a column, in a tenth of the instructions that looking up takes.
static_assert(2 * lanes<float> == column_padding);
struct CloseTargets {
  std::uint16_t first;
  __m512i index;  // from there
  bool fit;
};
SPIKELET_INLINE CloseTargets close_targets(const std::uint16_t* target) {
  const __m512i index = _mm512_sub_epi32(reinterpret_cast<__m512i>(load_index<float>(target)),
                                         _mm512_set1_epi32(target[0]));
  const __mmask16 beyond = _mm512_cmpge_epu32_mask(index, _mm512_set1_epi32(2 * lanes<float>));
  return {target[0], index, beyond == 0};
}
SPIKELET_INLINE Vec<float> pick(const float* column, const CloseTargets& close) {
  const float* from = column + close.first;
  return reinterpret_cast<Vec<float>>(_mm512_permutex2var_ps(_mm512_loadu_ps(from), close.index,
                                                             _mm512_loadu_ps(from + lanes<float>)));
}
SPIKELET_INLINE Words<float> pick(const std::int32_t* column, const CloseTargets& close) {
  const std::int32_t* from = column + close.first;
  return reinterpret_cast<Words<float>>(_mm512_permutex2var_epi32(
      _mm512_loadu_si512(from), close.index, _mm512_loadu_si512(from + lanes<float>)));
}
#endif

// Of a padded column by target. may_fit: whether to check if the targets lie close together.
template <class R>
SPIKELET_INLINE Vec<R> of_targets(const R* column, const std::uint16_t* target,
                                  [[maybe_unused]] bool may_fit) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    if (may_fit) {
      const CloseTargets close = close_targets(target);
      if (close.fit) {
        return pick(column, close);
      }
    }
  }
#endif
  return look_up<R>(column, target);
}

// At indices of 16 values.
template <class R>
SPIKELET_INLINE Words<R> of_few(const std::int32_t* values, Words<R> index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Words<R>>(
        _mm512_permutexvar_epi32(reinterpret_cast<__m512i>(index), _mm512_load_si512(values)));
  }
#endif
  return gather_words<R>(values, index);
}
template <class R>
SPIKELET_INLINE Vec<R> of_few(const R* values, Words<R> index) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(
        _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), _mm512_load_ps(values)));
  }
#endif
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 8) {
    return reinterpret_cast<Vec<R>>(_mm512_permutex2var_pd(
        _mm512_load_pd(values), _mm512_cvtepi32_epi64(reinterpret_cast<__m256i>(index)),
        _mm512_load_pd(values + 8)));
  }
#endif
  return gather<R>(values, index);
}

// Entries of four values at 16-bit indices, as four vectors.
template <class R>
struct Four {
  Vec<R> first, second, third, fourth;
};

#if defined(__x86_64__)
// Of 32 bits each: one entry in each 128 bits, of the k-th index of each four.
template <class Of>
SPIKELET_INLINE auto every_fourth(const Of* entries, const std::uint64_t* fours, int k) {
  static_assert(sizeof(Of) == 16);
  const auto one = [&](int four) {
    return _mm_load_ps(reinterpret_cast<const float*>(entries + one_of(fours[four], k)));
  };
#if SPIKELET_VECTOR_BYTES == 64
  const __m512 two = _mm512_insertf32x4(_mm512_castps128_ps512(one(0)), one(1), 1);
  return _mm512_insertf32x4(_mm512_insertf32x4(two, one(2), 2), one(3), 3);
#elif SPIKELET_VECTOR_BYTES == 32
  return _mm256_insertf128_ps(_mm256_castps128_ps256(one(0)), one(1), 1);
#else
  return one(0);
#endif
}
// Of 64 bits each: two values in each 128 bits, of every second index.
template <class Of>
SPIKELET_INLINE auto every_second(const Of* entries, const std::uint16_t* index, int value) {
  static_assert(sizeof(Of) == 32);
  const auto one = [&](int k) {
    return _mm_load_pd(reinterpret_cast<const double*>(entries + index[k]) + value);
  };
#if SPIKELET_VECTOR_BYTES == 64
  const __m512d two = _mm512_insertf64x2(_mm512_castpd128_pd512(one(0)), one(2), 1);
  return _mm512_insertf64x2(_mm512_insertf64x2(two, one(4), 2), one(6), 3);
#elif SPIKELET_VECTOR_BYTES == 32
  return _mm256_insertf128_pd(_mm256_castpd128_pd256(one(0)), one(2), 1);
#else
  return one(0);
#endif
}
#endif

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE __m512d interleaved_low(__m512 a, __m512 b) {
  return _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
}
SPIKELET_INLINE __m512d interleaved_high(__m512 a, __m512 b) {
  return _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
}
SPIKELET_INLINE __m512d interleaved_low(__m512d a, __m512d b) { return _mm512_unpacklo_pd(a, b); }
SPIKELET_INLINE __m512d interleaved_high(__m512d a, __m512d b) { return _mm512_unpackhi_pd(a, b); }
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
SPIKELET_INLINE __m256d interleaved_low(__m256 a, __m256 b) {
  return _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
}
SPIKELET_INLINE __m256d interleaved_high(__m256 a, __m256 b) {
  return _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
}
SPIKELET_INLINE __m256d interleaved_low(__m256d a, __m256d b) { return _mm256_unpacklo_pd(a, b); }
SPIKELET_INLINE __m256d interleaved_high(__m256d a, __m256d b) { return _mm256_unpackhi_pd(a, b); }
#elif defined(__x86_64__)
SPIKELET_INLINE __m128d interleaved_low(__m128 a, __m128 b) {
  return _mm_castps_pd(_mm_unpacklo_ps(a, b));
}
SPIKELET_INLINE __m128d interleaved_high(__m128 a, __m128 b) {
  return _mm_castps_pd(_mm_unpackhi_ps(a, b));
}
SPIKELET_INLINE __m128d interleaved_low(__m128d a, __m128d b) { return _mm_unpacklo_pd(a, b); }
SPIKELET_INLINE __m128d interleaved_high(__m128d a, __m128d b) { return _mm_unpackhi_pd(a, b); }
#endif

#if defined(__x86_64__)
// In each 128 bits, 4 entries of 4 values become 4 values of 4 entries.
template <class Of>
SPIKELET_INLINE Four<float> look_up_four(const Of* entries, const std::uint16_t* index) {
  std::uint64_t fours[lanes<float> / 4];
  for (int k = 0; k < lanes<float> / 4; ++k) {
    fours[k] = four_indices(index + 4 * k);
  }
  const auto a = every_fourth(entries, fours, 0), b = every_fourth(entries, fours, 1),
             c = every_fourth(entries, fours, 2), d = every_fourth(entries, fours, 3);
  const auto low = interleaved_low(a, b), low_2 = interleaved_low(c, d);
  const auto high = interleaved_high(a, b), high_2 = interleaved_high(c, d);
  return {reinterpret_cast<Vec<float>>(interleaved_low(low, low_2)),
          reinterpret_cast<Vec<float>>(interleaved_high(low, low_2)),
          reinterpret_cast<Vec<float>>(interleaved_low(high, high_2)),
          reinterpret_cast<Vec<float>>(interleaved_high(high, high_2))};
}
#endif

// What synapses of closed rows look up of their targets. In double, `ended` only if it is wanted.
template <class R>
struct ClosedTargets {
  Vec<R> grown, k_minus, ended;
};
template <class R>
SPIKELET_INLINE ClosedTargets<R> look_up_closed(const ClosedTarget<R>* at,
                                                const std::uint16_t* target,
                                                [[maybe_unused]] bool ended_too) {
#if defined(__x86_64__)
  if constexpr (sizeof(R) == 4) {
    const Four<R> four = look_up_four(at, target);
    return {four.first, four.second, four.third};
  } else {
    const auto a = every_second(at, target, 0), b = every_second(at, target + 1, 0);
    ClosedTargets<R> found{reinterpret_cast<Vec<R>>(interleaved_low(a, b)),
                           reinterpret_cast<Vec<R>>(interleaved_high(a, b)), Vec<R>{}};
    if (ended_too) {
      found.ended = reinterpret_cast<Vec<R>>(
          interleaved_low(every_second(at, target, 2), every_second(at, target + 1, 2)));
    }
    return found;
  }
#else
  ClosedTargets<R> found{};
  for (int k = 0; k < lanes<R>; ++k) {
    found.grown[k] = at[target[k]].grown;
    found.k_minus[k] = at[target[k]].k_minus;
    found.ended[k] = at[target[k]].ended;
  }
  return found;
#endif
}

// The newest spikes of a vector of targets, value by value.
template <class R>
struct Newest {
  Words<R> stamp, stamp_before;
  Vec<R> trace, trace_before;
};
template <class R>
SPIKELET_INLINE Newest<R> look_up_newest(const NewestSpikes<R>* newest,
                                         const std::uint16_t* target) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  if constexpr (sizeof(R) == 4) {
    const Four<R> four = look_up_four(newest, target);
    return {reinterpret_cast<Words<R>>(four.first), reinterpret_cast<Words<R>>(four.second),
            four.third, four.fourth};
  }
#endif
  Newest<R> found{};
  for (int k = 0; k < lanes<R>; ++k) {
    const NewestSpikes<R>& one = newest[target[k]];
    found.stamp[k] = one.stamp;
    found.stamp_before[k] = one.stamp_before;
    found.trace[k] = one.trace;
    found.trace_before[k] = one.trace_before;
  }
  return found;
}
// The same, from columns if they lie close together.
template <class R>
SPIKELET_INLINE Newest<R> newest_of(const TargetSpikes<R>& posts, const std::uint16_t* target,
                                    [[maybe_unused]] bool may_fit) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    if (may_fit) {
      const CloseTargets close = close_targets(target);
      if (close.fit) {
        const NewestColumns<R>& column = posts.column;
        return {pick(column.stamp, close), pick(column.stamp_before, close),
                pick(column.trace, close), pick(column.trace_before, close)};
      }
    }
  }
#endif
  return look_up_newest<R>(posts.newest, target);
}
// Of a vector of targets that follow each other.
template <class R>
SPIKELET_INLINE Newest<R> newest_from(const NewestColumns<R>& column, std::size_t first) {
  return {load_words<R>(column.stamp + first), load_words<R>(column.stamp_before + first),
          load(column.trace + first), load(column.trace_before + first)};
}

}  // namespace spikelet::SPIKELET_LEVEL
