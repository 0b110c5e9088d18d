// Vectors in double precision, and back, without a detour through memory: a load of two parts that
// were stored one by one waits until they have left the store buffer.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct Doubles {
  static constexpr int parts = sizeof(double) / sizeof(R);
  Vec<double> part[parts];
};
template <class R>
SPIKELET_INLINE Doubles<R> in_double(Vec<R> v) {
  if constexpr (sizeof(R) == 8) {
    return {{v}};
  } else {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
    const auto x = reinterpret_cast<__m512>(v);
    return {{reinterpret_cast<Vec<double>>(_mm512_cvtps_pd(_mm512_castps512_ps256(x))),
             reinterpret_cast<Vec<double>>(_mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1)))}};
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
    const auto x = reinterpret_cast<__m256>(v);
    return {{reinterpret_cast<Vec<double>>(_mm256_cvtps_pd(_mm256_castps256_ps128(x))),
             reinterpret_cast<Vec<double>>(_mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)))}};
#elif defined(__x86_64__)
    const auto x = reinterpret_cast<__m128>(v);
    return {{reinterpret_cast<Vec<double>>(_mm_cvtps_pd(x)),
             reinterpret_cast<Vec<double>>(_mm_cvtps_pd(_mm_movehl_ps(x, x)))}};
#else
    Doubles<R> wide{};
    for (int k = 0; k < lanes<R>; ++k) {
      wide.part[k / lanes<double>][k % lanes<double>] = static_cast<double>(v[k]);
    }
    return wide;
#endif
  }
}
template <class R>
SPIKELET_INLINE Vec<R> rounded(const Doubles<R>& wide) {
  if constexpr (sizeof(R) == 8) {
    return wide.part[0];
  } else {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
    return reinterpret_cast<Vec<R>>(_mm512_insertf32x8(
        _mm512_castps256_ps512(_mm512_cvtpd_ps(reinterpret_cast<__m512d>(wide.part[0]))),
        _mm512_cvtpd_ps(reinterpret_cast<__m512d>(wide.part[1])), 1));
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
    return reinterpret_cast<Vec<R>>(_mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm256_cvtpd_ps(reinterpret_cast<__m256d>(wide.part[0]))),
        _mm256_cvtpd_ps(reinterpret_cast<__m256d>(wide.part[1])), 1));
#elif defined(__x86_64__)
    return reinterpret_cast<Vec<R>>(
        _mm_movelh_ps(_mm_cvtpd_ps(reinterpret_cast<__m128d>(wide.part[0])),
                      _mm_cvtpd_ps(reinterpret_cast<__m128d>(wide.part[1]))));
#else
    Vec<R> v{};
    for (int k = 0; k < lanes<R>; ++k) {
      v[k] = static_cast<R>(wide.part[k / lanes<double>][k % lanes<double>]);
    }
    return v;
#endif
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
