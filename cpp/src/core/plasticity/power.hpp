// x^y for rules, x >= 0: in float32 from logarithm and exponential in double precision (relative
// error 1e-11, so nearly all results are correctly rounded), fast in vectors and the same at all
// levels; in float64 from the C library. quick_power stays in single precision where 0 <= y <= 1,
// for factors of a change of the weight.

namespace spikelet::SPIKELET_LEVEL {

// 2^(y log2(x)) for normal x > 0, lane by lane. I: the integer vector.
template <class V, class I>
SPIKELET_INLINE V power_in_double(V x, double y) {
  constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
  // x = 2^k m, sqrt(1/2) <= m < sqrt(2); log(m) = 2 atanh(s), s = (m - 1) / (m + 1).
  const I bits = reinterpret_cast<I>(x);
  const I k = (bits - 0x3fe6a09e667f3bcd) >> 52;
  const V m = reinterpret_cast<V>(bits - (k << 52));
  const V exponent = reinterpret_cast<V>(reinterpret_cast<I>(V{} + magic) + k) - magic;
  const V s = (m - 1.0) / (m + 1.0), z = s * s;
  const V z2 = z * z, z4 = z2 * z2;
  const V log = ((z * (2.0 / 3) + 2.0) + (z * (2.0 / 7) + 2.0 / 5) * z2) +
                ((z * (2.0 / 11) + 2.0 / 9) + (z * (2.0 / 15) + 2.0 / 13) * z2) * z4;
  // 2^t = 2^n exp(f).
  V t = y * (exponent + log * s * 1.4426950408889634074);
  t = t < 1000.0 ? t : V{} + 1000.0;
  t = t > -1000.0 ? t : V{} - 1000.0;
  const V shifted = t + magic;
  const V f = (t - (shifted - magic)) * 0.69314718055994530942;
  const V f2 = f * f, f4 = f2 * f2;
  const V e = ((f + 1.0) + (f * (1.0 / 6) + 0.5) * f2) +
              ((f * (1.0 / 120) + 1.0 / 24) + (f * (1.0 / 5040) + 1.0 / 720) * f2) * f4 +
              (f * (1.0 / 362880) + 1.0 / 40320) * (f4 * f4);
  const I n = reinterpret_cast<I>(shifted) - reinterpret_cast<I>(V{} + magic);
  return reinterpret_cast<V>(reinterpret_cast<I>(e) + (n << 52));
}

typedef double PowerPair __attribute__((vector_size(16)));
typedef std::int64_t PowerPairBits __attribute__((vector_size(16)));

SPIKELET_INLINE float rule_power(float x, float y) {
  if (!(x > 0)) {
    return y == 0 ? 1.0f : 0.0f;
  }
  const PowerPair wide = PowerPair{} + static_cast<double>(x);
  return static_cast<float>(power_in_double<PowerPair, PowerPairBits>(wide, y)[0]);
}
SPIKELET_INLINE Vec<float> rule_power(Vec<float> x, float y) {
  constexpr int half = lanes<double>;
  typedef float Half __attribute__((vector_size(vector_bytes / 2)));
  Half part[2];
  __builtin_memcpy(part, &x, sizeof x);
  for (Half& h : part) {
    h = __builtin_convertvector(
        power_in_double<Vec<double>, Vec<std::int64_t>>(__builtin_convertvector(h, Vec<double>),
                                                        static_cast<double>(y)),
        Half);
  }
  static_assert(2 * half == lanes<float>);
  Vec<float> result;
  __builtin_memcpy(&result, part, sizeof result);
  return x > 0.0f ? result : broadcast(y == 0 ? 1.0f : 0.0f);
}
SPIKELET_INLINE double rule_power(double x, double y) { return __builtin_pow(x, y); }
SPIKELET_INLINE Vec<double> rule_power(Vec<double> x, double y) {
  for (int k = 0; k < lanes<double>; ++k) {
    x[k] = __builtin_pow(x[k], y);
  }
  return x;
}

// Within 1.5 units of the last place, in single precision. For normal x and 0 <= y <= 1, so that
// results are normal, too. I: the integer vector.
template <class V, class I>
SPIKELET_INLINE V power_in_float(V x, float y) {
  constexpr float magic = 12582912.0f;  // 1.5 * 2^23
  // x = 2^k m, sqrt(1/2) <= m < sqrt(2); log2(m) from s = (m - 1) / (m + 1), as above.
  const I bits = reinterpret_cast<I>(x);
  const I k = (bits - 0x3f3504f3) >> 23;
  const V m = reinterpret_cast<V>(bits - (k << 23));
  const V exponent = __builtin_convertvector(k, V);
  const V s = (m - 1.0f) / (m + 1.0f), z = s * s;
  const V log = s * (((z * 0.431748341f + 0.576713834f) * z + 0.961798854f) * z + 2.88539008f);
  // y log2(x) = n + f. The products of `high`, which has 12 bits, with exponents are exact.
  const float high = std::bit_cast<float>(std::bit_cast<std::uint32_t>(y) & 0xfffff000u);
  const V whole = exponent * high, rest = exponent * (y - high) + log * y;
  const V shifted = (whole + rest) + magic;
  const V f = (whole - (shifted - magic)) + rest;
  const V e =
      f * (((((f * 1.54762795e-4f + 1.34002353e-3f) * f + 9.61800398e-3f) * f + 5.55032791e-2f) *
                f +
            0.240226514f) *
               f +
           0.693147206f) +
      1.0f;
  const I n = reinterpret_cast<I>(shifted) - reinterpret_cast<I>(V{} + magic);
  return reinterpret_cast<V>(reinterpret_cast<I>(e) + (n << 23));
}
template <class V, class I>
SPIKELET_INLINE I is_normal(V x) {
  const I bits = reinterpret_cast<I>(x);
  return (bits >= 0x00800000) & (bits < 0x7f800000);
}

typedef float PowerFour __attribute__((vector_size(16)));
typedef std::int32_t PowerFourBits __attribute__((vector_size(16)));

SPIKELET_INLINE float quick_power(float x, float y) {
  const PowerFour four = PowerFour{} + x;
  return y >= 0 && y <= 1 && is_normal<PowerFour, PowerFourBits>(four)[0] != 0
             ? power_in_float<PowerFour, PowerFourBits>(four, y)[0]
             : rule_power(x, y);
}
SPIKELET_INLINE Vec<float> quick_power(Vec<float> x, float y) {
  const Mask<float> normal = is_normal<Vec<float>, Mask<float>>(x);
  if (!(y >= 0 && y <= 1)) {
    return rule_power(x, y);
  }
  // Weights that have reached a bound have 0 left.
  const Vec<float> result =
      normal ? power_in_float<Vec<float>, Mask<float>>(x, y) : broadcast(y == 0 ? 1.0f : 0.0f);
  const Mask<float> others = ~normal & (x > 0.0f);
  if (bits<float>(others) == 0) {
    return result;
  }
  return others ? rule_power(x, y) : result;
}
SPIKELET_INLINE double quick_power(double x, double y) { return rule_power(x, y); }
SPIKELET_INLINE Vec<double> quick_power(Vec<double> x, double y) { return rule_power(x, y); }

}  // namespace spikelet::SPIKELET_LEVEL
