// Vectors of one SIMD level. Included by kernel sources after target_push.hpp. Everything here
// lives in the level's own namespace, so that the linker cannot substitute another level's code.
// Arithmetic uses GNU vector extensions; intrinsics stay in this file.

namespace spikelet::SPIKELET_LEVEL {

inline constexpr int vector_bytes = SPIKELET_VECTOR_BYTES;

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

// The integer vector that a comparison of Vec<R> gives.
template <class R>
using Mask = Vec<std::conditional_t<sizeof(R) == 4, std::int32_t, std::int64_t>>;

template <class T>
SPIKELET_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
SPIKELET_INLINE void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}
template <class T>
SPIKELET_INLINE Vec<T> broadcast(T x) {
  return Vec<T>{} + x;
}

// The first `count` lanes; the others are loaded as 0.
template <class T>
SPIKELET_INLINE Vec<T> load_part(const T* p, std::size_t count) {
  Vec<T> v{};
  __builtin_memcpy(&v, p, count * sizeof(T));
  return v;
}
template <class T>
SPIKELET_INLINE void store_part(T* p, Vec<T> v, std::size_t count) {
  __builtin_memcpy(p, &v, count * sizeof(T));
}

// A non-temporal store; p is aligned to a whole vector. Call fence() before others read.
SPIKELET_INLINE void stream(float* p, Vec<float> v) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  _mm512_stream_ps(p, reinterpret_cast<__m512>(v));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  _mm256_stream_ps(p, reinterpret_cast<__m256>(v));
#elif defined(__x86_64__)
  _mm_stream_ps(p, reinterpret_cast<__m128>(v));
#else
  store(p, v);
#endif
}
SPIKELET_INLINE void stream(double* p, Vec<double> v) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  _mm512_stream_pd(p, reinterpret_cast<__m512d>(v));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  _mm256_stream_pd(p, reinterpret_cast<__m256d>(v));
#elif defined(__x86_64__)
  _mm_stream_pd(p, reinterpret_cast<__m128d>(v));
#else
  store(p, v);
#endif
}
SPIKELET_INLINE void fence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// One bit per lane, lane 0 lowest.
template <class R>
SPIKELET_INLINE std::uint64_t bits(Mask<R> m) {
#if defined(__x86_64__)
  if constexpr (vector_bytes == 64) {
#if SPIKELET_VECTOR_BYTES == 64
    if constexpr (sizeof(R) == 4) {
      return _mm512_movepi32_mask(reinterpret_cast<__m512i>(m));
    } else {
      return _mm512_movepi64_mask(reinterpret_cast<__m512i>(m));
    }
#endif
  } else if constexpr (vector_bytes == 32) {
#if SPIKELET_VECTOR_BYTES == 32
    if constexpr (sizeof(R) == 4) {
      return static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256>(m)));
    } else {
      return static_cast<unsigned>(_mm256_movemask_pd(reinterpret_cast<__m256d>(m)));
    }
#endif
  } else if constexpr (sizeof(R) == 4) {
    return static_cast<unsigned>(_mm_movemask_ps(reinterpret_cast<__m128>(m)));
  } else {
    return static_cast<unsigned>(_mm_movemask_pd(reinterpret_cast<__m128d>(m)));
  }
#elif defined(__aarch64__)
  if constexpr (sizeof(R) == 4) {
    return vaddvq_u32(vandq_u32(reinterpret_cast<uint32x4_t>(m), uint32x4_t{1, 2, 4, 8}));
  } else {
    return vaddvq_u64(vandq_u64(reinterpret_cast<uint64x2_t>(m), uint64x2_t{1, 2}));
  }
#else
  std::uint64_t result = 0;
  for (int i = 0; i < lanes<R>; ++i) {
    result |= std::uint64_t{m[i] != 0} << i;
  }
  return result;
#endif
}

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
// Byte i of 16 is byte from[i] of p[0 .. 15], or 0 if from[i] is 128.
SPIKELET_INLINE __m128i shuffled(const std::byte* p, __m128i from) {
  return _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)), from);
}
// The lower and the upper halves of two.
SPIKELET_INLINE void store_halves(__m128i a, __m128i b, void* lower, void* upper) {
  _mm_storeu_si128(static_cast<__m128i*>(lower), _mm_unpacklo_epi64(a, b));
  _mm_storeu_si128(static_cast<__m128i*>(upper), _mm_unpackhi_epi64(a, b));
}
#endif

#if defined(__x86_64__)
// One byte per lane of R, minus `now`.
template <class R>
SPIKELET_INLINE __m128i bytes_less(const std::int8_t* p, std::int8_t now) {
  __m128i bytes;
  if constexpr (lanes<R> == 16) {
    bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  } else if constexpr (lanes<R> == 8) {
    long long word;
    __builtin_memcpy(&word, p, sizeof word);
    bytes = _mm_cvtsi64_si128(word);
  } else {
    int word = 0;
    __builtin_memcpy(&word, p, lanes<R>);
    bytes = _mm_cvtsi32_si128(word);
  }
  return _mm_sub_epi8(bytes, _mm_set1_epi8(now));
}
#endif

// A selection of lanes: a mask register where the level has them, else a vector. `later` selects
// lanes whose byte lies ahead of `now`, modulo 256.
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
template <class R>
using Which = std::conditional_t<sizeof(R) == 4, __mmask16, __mmask8>;
template <class R>
SPIKELET_INLINE Which<R> later(const std::int8_t* p, std::int8_t now) {
  return static_cast<Which<R>>(_mm_cmpgt_epi8_mask(bytes_less<R>(p, now), _mm_setzero_si128()));
}
SPIKELET_INLINE Vec<float> select(__mmask16 which, Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(
      _mm512_mask_blend_ps(which, reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(a)));
}
SPIKELET_INLINE Vec<double> select(__mmask8 which, Vec<double> a, Vec<double> b) {
  return reinterpret_cast<Vec<double>>(
      _mm512_mask_blend_pd(which, reinterpret_cast<__m512d>(b), reinterpret_cast<__m512d>(a)));
}
// One bit per lane: a >= b, except where `except` is set.
SPIKELET_INLINE std::uint64_t reaches(Vec<float> a, Vec<float> b, __mmask16 except) {
  return _mm512_mask_cmp_ps_mask(static_cast<__mmask16>(~except), reinterpret_cast<__m512>(a),
                                 reinterpret_cast<__m512>(b), _CMP_GE_OQ);
}
SPIKELET_INLINE std::uint64_t reaches(Vec<double> a, Vec<double> b, __mmask8 except) {
  return _mm512_mask_cmp_pd_mask(static_cast<__mmask8>(~except), reinterpret_cast<__m512d>(a),
                                 reinterpret_cast<__m512d>(b), _CMP_GE_OQ);
}
#else
template <class R>
using Which = Mask<R>;
template <class R>
SPIKELET_INLINE Which<R> later(const std::int8_t* p, std::int8_t now) {
#if defined(__x86_64__)
  __m128i bytes = bytes_less<R>(p, now);
#if SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Which<R>>(_mm256_cvtepi8_epi32(bytes)) > 0;
  } else {
    return reinterpret_cast<Which<R>>(_mm256_cvtepi8_epi64(bytes)) > 0;
  }
#else
  // Four copies of a byte have its sign, and so have eight.
  bytes = _mm_unpacklo_epi8(bytes, bytes);
  bytes = _mm_unpacklo_epi16(bytes, bytes);
  if constexpr (sizeof(R) == 8) {
    bytes = _mm_unpacklo_epi32(bytes, bytes);
  }
  return reinterpret_cast<Which<R>>(_mm_cmpgt_epi32(bytes, _mm_setzero_si128()));
#endif
#elif defined(__aarch64__)
  std::uint32_t word = 0;
  __builtin_memcpy(&word, p, lanes<R>);
  const int8x8_t ahead = vsub_s8(vreinterpret_s8_u32(vdup_n_u32(word)), vdup_n_s8(now));
  const int32x4_t wide = vmovl_s16(vget_low_s16(vmovl_s8(ahead)));
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Which<R>>(wide) > 0;
  } else {
    return reinterpret_cast<Which<R>>(vmovl_s32(vget_low_s32(wide))) > 0;
  }
#else
  Which<R> which;
  for (int k = 0; k < lanes<R>; ++k) {
    which[k] = static_cast<std::int8_t>(p[k] - now) > 0 ? -1 : 0;
  }
  return which;
#endif
}
SPIKELET_INLINE Vec<float> select(Mask<float> which, Vec<float> a, Vec<float> b) {
  return which ? a : b;
}
SPIKELET_INLINE Vec<double> select(Mask<double> which, Vec<double> a, Vec<double> b) {
  return which ? a : b;
}
SPIKELET_INLINE std::uint64_t reaches(Vec<float> a, Vec<float> b, Mask<float> except) {
  return bits<float>((a >= b) & ~except);
}
SPIKELET_INLINE std::uint64_t reaches(Vec<double> a, Vec<double> b, Mask<double> except) {
  return bits<double>((a >= b) & ~except);
}
#endif

// Where a >= b, where a > b, and such a selection as one bit per lane.
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE __mmask16 at_or_above(Vec<float> a, Vec<float> b) {
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_GE_OQ);
}
SPIKELET_INLINE __mmask8 at_or_above(Vec<double> a, Vec<double> b) {
  return _mm512_cmp_pd_mask(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b), _CMP_GE_OQ);
}
SPIKELET_INLINE __mmask16 above(Vec<float> a, Vec<float> b) {
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), _CMP_GT_OQ);
}
SPIKELET_INLINE __mmask8 above(Vec<double> a, Vec<double> b) {
  return _mm512_cmp_pd_mask(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b), _CMP_GT_OQ);
}
template <class R>
SPIKELET_INLINE std::uint32_t which_bits(Which<R> which) {
  return which;
}
#else
SPIKELET_INLINE Mask<float> at_or_above(Vec<float> a, Vec<float> b) { return a >= b; }
SPIKELET_INLINE Mask<double> at_or_above(Vec<double> a, Vec<double> b) { return a >= b; }
SPIKELET_INLINE Mask<float> above(Vec<float> a, Vec<float> b) { return a > b; }
SPIKELET_INLINE Mask<double> above(Vec<double> a, Vec<double> b) { return a > b; }
template <class R>
SPIKELET_INLINE std::uint32_t which_bits(Which<R> which) {
  return static_cast<std::uint32_t>(bits<R>(which));
}
#endif

// 16-bit integers, widened.
template <class R>
SPIKELET_INLINE Vec<R> widen(const std::int16_t* p) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(_mm512_cvtepi32_ps(
        _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))));
  }
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(_mm256_cvtepi32_ps(
        _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
  }
#endif
  typedef std::int16_t Narrow __attribute__((vector_size(2 * lanes<R>)));
  Narrow narrow;
  __builtin_memcpy(&narrow, p, sizeof narrow);
  return __builtin_convertvector(narrow, Vec<R>);
}

#if SPIKELET_VECTOR_BYTES < 64
// One bit per 16-bit lane of a comparison.
SPIKELET_INLINE std::uint64_t bits16(Vec<std::int16_t> m) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  // Packing works in 128-bit halves: bytes 0-7 and 16-23 hold the lanes.
  const __m256i bytes = _mm256_packs_epi16(reinterpret_cast<__m256i>(m), _mm256_setzero_si256());
  const auto all = static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
  return (all & 0xffu) | ((all >> 8) & 0xff00u);
#elif defined(__x86_64__)
  const __m128i bytes = _mm_packs_epi16(reinterpret_cast<__m128i>(m), _mm_setzero_si128());
  return static_cast<std::uint32_t>(_mm_movemask_epi8(bytes));
#elif defined(__aarch64__)
  const uint16x8_t places{1, 2, 4, 8, 16, 32, 64, 128};
  return vaddvq_u16(vandq_u16(reinterpret_cast<uint16x8_t>(m), places));
#else
  std::uint64_t result = 0;
  for (int i = 0; i < lanes<std::int16_t>; ++i) {
    result |= std::uint64_t{m[i] != 0} << i;
  }
  return result;
#endif
}
#endif

// Product of the low 32 bits of each 64-bit lane.
SPIKELET_INLINE Vec<std::uint64_t> mul_low32(Vec<std::uint64_t> a, Vec<std::uint64_t> b) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  return reinterpret_cast<Vec<std::uint64_t>>(
      _mm512_mul_epu32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
  return reinterpret_cast<Vec<std::uint64_t>>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined(__x86_64__)
  return reinterpret_cast<Vec<std::uint64_t>>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#elif defined(__aarch64__)
  return reinterpret_cast<Vec<std::uint64_t>>(vmull_u32(
      vmovn_u64(reinterpret_cast<uint64x2_t>(a)), vmovn_u64(reinterpret_cast<uint64x2_t>(b))));
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// a < b ? a : b, lane by lane.
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE Vec<float> smaller(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(
      _mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
SPIKELET_INLINE Vec<double> smaller(Vec<double> a, Vec<double> b) {
  return reinterpret_cast<Vec<double>>(
      _mm512_min_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
}
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
SPIKELET_INLINE Vec<float> smaller(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(
      _mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
}
SPIKELET_INLINE Vec<double> smaller(Vec<double> a, Vec<double> b) {
  return reinterpret_cast<Vec<double>>(
      _mm256_min_pd(reinterpret_cast<__m256d>(a), reinterpret_cast<__m256d>(b)));
}
#elif defined(__x86_64__)
SPIKELET_INLINE Vec<float> smaller(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(
      _mm_min_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
}
SPIKELET_INLINE Vec<double> smaller(Vec<double> a, Vec<double> b) {
  return reinterpret_cast<Vec<double>>(
      _mm_min_pd(reinterpret_cast<__m128d>(a), reinterpret_cast<__m128d>(b)));
}
#else
SPIKELET_INLINE Vec<float> smaller(Vec<float> a, Vec<float> b) { return a < b ? a : b; }
SPIKELET_INLINE Vec<double> smaller(Vec<double> a, Vec<double> b) { return a < b ? a : b; }
#endif

// a > b ? a : b, lane by lane. Only with mask registers, compilers do not see the one instruction.
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE Vec<float> greater(Vec<float> a, Vec<float> b) {
  return reinterpret_cast<Vec<float>>(
      _mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
SPIKELET_INLINE Vec<double> greater(Vec<double> a, Vec<double> b) {
  return reinterpret_cast<Vec<double>>(
      _mm512_max_pd(reinterpret_cast<__m512d>(a), reinterpret_cast<__m512d>(b)));
}
#else
SPIKELET_INLINE Vec<float> greater(Vec<float> a, Vec<float> b) { return a > b ? a : b; }
SPIKELET_INLINE Vec<double> greater(Vec<double> a, Vec<double> b) { return a > b ? a : b; }
#endif

// exp(-x) for x >= 0, lane by lane: Cody-Waite reduction and a Taylor polynomial, no libm, no fused
// operation.
template <class R>
SPIKELET_INLINE Vec<R> exp_neg(Vec<R> x) {
  using I = Mask<R>;
  constexpr R limit = sizeof(R) == 4 ? R(87) : R(708);
  constexpr R magic =
      sizeof(R) == 4 ? R(12582912.0) : R(6755399441055744.0);  // 1.5 * 2^(mantissa bits)
  constexpr int mantissa = sizeof(R) == 4 ? 23 : 52;
  constexpr R ln2_hi = sizeof(R) == 4 ? R(0.693359375) : R(6.93147180369123816490e-01);
  constexpr R ln2_lo = sizeof(R) == 4 ? R(-2.12194440e-4) : R(1.90821492927058770002e-10);
  const Vec<R> y = -smaller(x, broadcast(limit));
  const Vec<R> shifted = y * R(1.44269504088896340736) + magic;
  const Vec<R> n = shifted - magic;
  const Vec<R> f = (y - n * ln2_hi) - n * ln2_lo;
  constexpr int degree = sizeof(R) == 4 ? 7 : 13;
  constexpr double inverse_factorial[] = {1.,
                                          1.,
                                          1. / 2,
                                          1. / 6,
                                          1. / 24,
                                          1. / 120,
                                          1. / 720,
                                          1. / 5040,
                                          1. / 40320,
                                          1. / 362880,
                                          1. / 3628800,
                                          1. / 39916800,
                                          1. / 479001600,
                                          1. / 6227020800.};
  Vec<R> p = broadcast(static_cast<R>(inverse_factorial[degree]));
  for (int k = degree - 1; k >= 0; --k) {
    p = p * f + static_cast<R>(inverse_factorial[k]);
  }
  const I exponent = reinterpret_cast<I>(shifted) - reinterpret_cast<I>(broadcast(magic));
  return reinterpret_cast<Vec<R>>(reinterpret_cast<I>(p) + (exponent << mantissa));
}

// Limits, magnitude and sign of one number or lane by lane, so that a rule's formula serves both.
SPIKELET_INLINE float at_most(float a, float limit) { return a < limit ? a : limit; }
SPIKELET_INLINE double at_most(double a, double limit) { return a < limit ? a : limit; }
SPIKELET_INLINE float at_least(float a, float limit) { return a > limit ? a : limit; }
SPIKELET_INLINE double at_least(double a, double limit) { return a > limit ? a : limit; }
SPIKELET_INLINE Vec<float> at_most(Vec<float> a, float limit) {
  return smaller(a, broadcast(limit));
}
SPIKELET_INLINE Vec<double> at_most(Vec<double> a, double limit) {
  return smaller(a, broadcast(limit));
}
SPIKELET_INLINE Vec<float> at_least(Vec<float> a, float limit) {
  return greater(a, broadcast(limit));
}
SPIKELET_INLINE Vec<double> at_least(Vec<double> a, double limit) {
  return greater(a, broadcast(limit));
}

SPIKELET_INLINE float magnitude(float x) { return __builtin_fabsf(x); }
SPIKELET_INLINE double magnitude(double x) { return __builtin_fabs(x); }
SPIKELET_INLINE float with_sign(float x, float y) { return __builtin_copysignf(x, y); }
SPIKELET_INLINE double with_sign(double x, double y) { return __builtin_copysign(x, y); }
template <class I, class V>
SPIKELET_INLINE V magnitude_of(V x) {
  return reinterpret_cast<V>(reinterpret_cast<I>(x) & ~reinterpret_cast<I>(-V{}));
}
template <class I, class V>
SPIKELET_INLINE V sign_from(V x, V y) {  // x >= 0
  return reinterpret_cast<V>(reinterpret_cast<I>(x) |
                             (reinterpret_cast<I>(y) & reinterpret_cast<I>(-V{})));
}
SPIKELET_INLINE Vec<float> magnitude(Vec<float> x) { return magnitude_of<Mask<float>>(x); }
SPIKELET_INLINE Vec<double> magnitude(Vec<double> x) { return magnitude_of<Mask<double>>(x); }
SPIKELET_INLINE Vec<float> with_sign(Vec<float> x, Vec<float> y) {
  return sign_from<Mask<float>>(x, y);
}
SPIKELET_INLINE Vec<double> with_sign(Vec<double> x, Vec<double> y) {
  return sign_from<Mask<double>>(x, y);
}

// x^y, x >= 0, from the C library.
SPIKELET_INLINE float power(float x, float y) { return __builtin_powf(x, y); }
SPIKELET_INLINE double power(double x, double y) { return __builtin_pow(x, y); }

}  // namespace spikelet::SPIKELET_LEVEL
