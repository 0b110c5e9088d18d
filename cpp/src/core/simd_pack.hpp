// Selected lanes, or their positions, packed one after the other. Included by kernel sources after
// simd.hpp.

namespace spikelet::SPIKELET_LEVEL {

// Writes the 32-bit or, of R, wider lanes whose bits are set one after the other. May write a whole
// vector.
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE void pack(std::uint32_t which, Vec<float> v, float* out) {
  _mm512_storeu_ps(
      out, _mm512_maskz_compress_ps(static_cast<__mmask16>(which), reinterpret_cast<__m512>(v)));
}
SPIKELET_INLINE void pack(std::uint32_t which, Vec<double> v, double* out) {
  _mm512_storeu_pd(
      out, _mm512_maskz_compress_pd(static_cast<__mmask8>(which), reinterpret_cast<__m512d>(v)));
}
SPIKELET_INLINE void pack(std::uint32_t which, IndexOf<float>::type v, std::uint32_t* out) {
  _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(static_cast<__mmask16>(which),
                                                       reinterpret_cast<__m512i>(v)));
}
SPIKELET_INLINE void pack(std::uint32_t which, IndexOf<double>::type v, std::uint32_t* out) {
  _mm256_storeu_si256(
      reinterpret_cast<__m256i*>(out),
      _mm256_maskz_compress_epi32(static_cast<__mmask8>(which), reinterpret_cast<__m256i>(v)));
}
// The other way round: lanes whose bits are set get the values, the others stay. Reads a whole
// vector.
SPIKELET_INLINE Vec<float> unpack(std::uint32_t which, const float* values, Vec<float> v) {
  return reinterpret_cast<Vec<float>>(_mm512_mask_expand_ps(
      reinterpret_cast<__m512>(v), static_cast<__mmask16>(which), _mm512_loadu_ps(values)));
}
SPIKELET_INLINE Vec<double> unpack(std::uint32_t which, const double* values, Vec<double> v) {
  return reinterpret_cast<Vec<double>>(_mm512_mask_expand_pd(
      reinterpret_cast<__m512d>(v), static_cast<__mmask8>(which), _mm512_loadu_pd(values)));
}
SPIKELET_INLINE IndexOf<float>::type unpack(std::uint32_t which, const std::int32_t* values,
                                            IndexOf<float>::type v) {
  return reinterpret_cast<IndexOf<float>::type>(_mm512_mask_expand_epi32(
      reinterpret_cast<__m512i>(v), static_cast<__mmask16>(which), _mm512_loadu_si512(values)));
}
SPIKELET_INLINE IndexOf<double>::type unpack(std::uint32_t which, const std::int32_t* values,
                                             IndexOf<double>::type v) {
  return reinterpret_cast<IndexOf<double>::type>(
      _mm256_mask_expand_epi32(reinterpret_cast<__m256i>(v), static_cast<__mmask8>(which),
                               _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values))));
}
#else
// By the bits of eight lanes: how many of the lower ones are set, for each lane; and which lanes
// are, one after the other.
struct LaneTables {
  std::uint8_t below[256][8], set[256][8];
};
constexpr LaneTables make_lane_tables() {
  LaneTables tables{};
  for (unsigned bits = 0; bits < 256; ++bits) {
    std::uint8_t n = 0;
    for (std::uint8_t lane = 0; lane < 8; ++lane) {
      tables.below[bits][lane] = n;
      tables.set[bits][n] = lane;
      n = static_cast<std::uint8_t>(n + (bits >> lane & 1u));
    }
  }
  return tables;
}
inline constexpr LaneTables lane_tables = make_lane_tables();

#if SPIKELET_VECTOR_BYTES == 32
// Eight lanes of 32 bits, or four of 64, at the lanes that a table has.
template <int n>
SPIKELET_INLINE __m256i permutation(const std::uint8_t* lanes_at) {
  if constexpr (n == 8) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(lanes_at)));
  } else {
    const __m256i wide =
        _mm256_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(lanes_at)));
    const __m256i halves = _mm256_slli_epi64(wide, 1);
    return _mm256_or_si256(_mm256_or_si256(halves, _mm256_slli_epi64(halves, 32)),
                           _mm256_set1_epi64x(std::int64_t{1} << 32));
  }
}
#endif

template <class V, class T>
SPIKELET_INLINE void pack(std::uint32_t which, V v, T* out) {
  constexpr int n = sizeof(V) / sizeof(T);
#if SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(V) == 32) {
    const __m256i packed = _mm256_permutevar8x32_epi32(reinterpret_cast<__m256i>(v),
                                                       permutation<n>(lane_tables.set[which]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), packed);
    return;
  }
#endif
  for (int lane = 0; lane < n; ++lane) {
    *out = static_cast<T>(v[lane]);
    out += (which >> lane) & 1u;
  }
}
// Lanes of `a` whose bits are set, and of `b`.
template <class V>
SPIKELET_INLINE V select_bits(std::uint32_t which, V a, V b) {
  typedef decltype(a == b) Set;
  Set bit{};
  for (int lane = 0; lane < static_cast<int>(sizeof(V) / sizeof(a[0])); ++lane) {
    bit[lane] = 1 << lane;
  }
  return ((Set{} + static_cast<std::int32_t>(which)) & bit) != 0 ? a : b;
}
template <class V, class T>
SPIKELET_INLINE V unpack(std::uint32_t which, const T* values, V v) {
  constexpr int n = sizeof(V) / sizeof(T);
#if SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(V) == 32) {
    const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)),
                  unpacked =
                      _mm256_permutevar8x32_epi32(packed, permutation<n>(lane_tables.below[which]));
    return select_bits(which, reinterpret_cast<V>(unpacked), v);
  }
#endif
  V unpacked{};
  const std::uint8_t* at = lane_tables.below[which];
  for (int lane = 0; lane < n; ++lane) {
    unpacked[lane] = values[at[lane]];
  }
  return select_bits(which, unpacked, v);
}
#endif

// One bit for each lane in which a > b.
template <class R>
SPIKELET_INLINE std::uint32_t bits_above(typename IndexOf<R>::type a, typename IndexOf<R>::type b) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return _mm512_cmpgt_epi32_mask(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b));
  } else {
    return _mm256_cmpgt_epi32_mask(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b));
  }
#else
  return word_bits<R>(a > b);
#endif
}

// How many lanes of a vector of 32-bit words are set.
SPIKELET_INLINE std::size_t count_lanes(std::uint32_t which) {
#if !defined(__x86_64__) || SPIKELET_VECTOR_BYTES >= 32
  return static_cast<std::size_t>(std::popcount(which));
#else
  return std::size_t{lane_tables.below[which][4]};  // without an instruction, it is a call
#endif
}

// One bit per lane: a != b, also where one of them is NaN.
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE std::uint64_t unequal(Vec<float> a, Vec<float> b) {
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_NEQ_UQ);
}
SPIKELET_INLINE std::uint64_t unequal(Vec<double> a, Vec<double> b) {
  return _mm512_cmp_pd_mask(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b),
                            _CMP_NEQ_UQ);
}
#else
SPIKELET_INLINE std::uint64_t unequal(Vec<float> a, Vec<float> b) { return bits<float>(a != b); }
SPIKELET_INLINE std::uint64_t unequal(Vec<double> a, Vec<double> b) { return bits<double>(a != b); }
#endif

// One bit for each of 64 bytes that are not `than`.
SPIKELET_INLINE std::uint64_t unequal_bytes(const std::uint8_t* p, std::uint8_t than) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  return _mm512_cmpneq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8(static_cast<char>(than)));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  std::uint64_t equal = 0;
  for (int k = 0; k < 64; k += 32) {
    const __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + k));
    const __m256i same = _mm256_cmpeq_epi8(here, _mm256_set1_epi8(static_cast<char>(than)));
    equal |= std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(same))} << k;
  }
  return ~equal;
#elif defined(__x86_64__)
  std::uint64_t equal = 0;
  for (int k = 0; k < 64; k += 16) {
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + k));
    const __m128i same = _mm_cmpeq_epi8(here, _mm_set1_epi8(static_cast<char>(than)));
    equal |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(same))} << k;
  }
  return ~equal;
#elif defined(__aarch64__)
  const uint8x16_t places{1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const auto found = [&](int k) {
    return vbicq_u8(places, vceqq_u8(vld1q_u8(p + k), vdupq_n_u8(than)));
  };
  const uint8x16_t quarters =
      vpaddq_u8(vpaddq_u8(found(0), found(16)), vpaddq_u8(found(32), found(48)));
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(quarters, quarters)), 0);
#else
  std::uint64_t found = 0;
  for (int k = 0; k < 64; ++k) {
    found |= std::uint64_t{p[k] != than} << k;
  }
  return found;
#endif
}

// Writes first + k for each bit k of `which`, and returns the end of what it wrote. Places up to 16
// after that end are overwritten.
SPIKELET_INLINE std::uint32_t* append_places(std::uint32_t* to, std::uint32_t first,
                                             std::uint64_t which) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  __m512i place =
      _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)),
                       _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  for (int k = 0; k < 64; k += 16) {
    const auto some = static_cast<__mmask16>(which >> k);
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(some, place));
    to += __builtin_popcount(some);
    place = _mm512_add_epi32(place, _mm512_set1_epi32(16));
  }
  return to;
#else
  // Eight at a time: a branch for each would be mispredicted.
  std::uint32_t* const end = to + __builtin_popcountll(which);
  while (to < end) {
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      // If no bit is left, the result is not used; the added bit keeps it defined.
      to[k] = first + static_cast<std::uint32_t>(__builtin_ctzll(which | (std::uint64_t{1} << 63)));
      which &= which - 1;
    }
    to += 8;
  }
  return end;
#endif
}

}  // namespace spikelet::SPIKELET_LEVEL
