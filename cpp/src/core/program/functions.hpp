// Functions of programs, lane by lane and with the same bits at each level: no fused operation, no
// libm but for rare ones. Those of vectors here are within 1 ulp, tanh and exprel within 2.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct Float;  // the format of a number
template <>
struct Float<float> {
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float round = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float least = 0x1p-126F, infinity = __builtin_inff(), nan = __builtin_nanf("");
  static constexpr float ln2_hi = 0.693359375F, ln2_lo = -2.12194440e-4F;
  // exp(x) is a normal number in this range.
  static constexpr float exp_low = -0x1.5d589ep+6F, exp_high = 0x1.62e42ep+6F;
};
template <>
struct Float<double> {
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double round = 6755399441055744.0;
  static constexpr double least = 0x1p-1022, infinity = __builtin_inf(), nan = __builtin_nan("");
  static constexpr double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
  static constexpr double exp_low = -0x1.6232bdd7abcd2p+9, exp_high = 0x1.62e42fefa39efp+9;
};

template <class R>
SPIKELET_INLINE Vec<R> as_number(Mask<R> bits) {
  return reinterpret_cast<Vec<R>>(bits);
}
template <class R>
SPIKELET_INLINE Mask<R> as_bits(Vec<R> x) {
  return reinterpret_cast<Mask<R>>(x);
}
// Bits as integers that may wrap.
template <class R>
using Bits = Vec<std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>>;
template <class R>
SPIKELET_INLINE Bits<R> wrapping(Vec<R> x) {
  return reinterpret_cast<Bits<R>>(x);
}

// Bits of a where the mask is set, of b elsewhere.
template <class R>
SPIKELET_INLINE Vec<R> choose(Mask<R> mask, Vec<R> a, Vec<R> b) {
  return as_number<R>((mask & as_bits<R>(a)) | (~mask & as_bits<R>(b)));
}

// x = n ln 2 + f with |f| <= ln 2 / 2, and expm1(f). n is an integer in the low bits of `shifted`.
template <class R>
struct Reduced {
  Vec<R> shifted, expm1;
};
template <class R>
SPIKELET_INLINE Reduced<R> reduce(Vec<R> x) {
  using F = Float<R>;
  const Vec<R> shifted = x * R(1.44269504088896340736) + F::round;
  const Vec<R> n = shifted - F::round;
  const Vec<R> hi = x - n * F::ln2_hi, lo = n * F::ln2_lo;
  const Vec<R> f = hi - lo;
  Vec<R> q;                        // (exp(f) - 1 - f) / f^2
  if constexpr (sizeof(R) == 4) {  // Cephes, expf
    q = broadcast(1.9875691500E-4F) * f + 1.3981999507E-3F;
    q = q * f + 8.3334519073E-3F;
    q = q * f + 4.1665795894E-2F;
    q = q * f + 1.6666665459E-1F;
    q = q * f + 5.0000001201E-1F;
  } else {
    constexpr double inverse_factorial[] = {
        1. / 2,     1. / 6,      1. / 24,      1. / 120,      1. / 720,       1. / 5040,
        1. / 40320, 1. / 362880, 1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800.};
    q = broadcast(inverse_factorial[11]);
    for (int k = 10; k >= 0; --k) {
      q = q * f + inverse_factorial[k];
    }
  }
  return {shifted, hi + (f * f * q - lo)};
}
// x * 2^n, for n of reduce().
template <class R>
SPIKELET_INLINE Vec<R> scale_by(Vec<R> x, Vec<R> shifted) {
  const Bits<R> n = wrapping<R>(shifted) - wrapping<R>(broadcast(Float<R>::round));
  return reinterpret_cast<Vec<R>>(wrapping<R>(x) + (n << Float<R>::mantissa));
}

template <class R>
SPIKELET_INLINE Vec<R> exp_of(Vec<R> x) {
  using F = Float<R>;
  const auto [shifted, p] = reduce<R>(x);
  Vec<R> y = scale_by<R>(p + R(1), shifted);
  y = choose<R>(x < F::exp_low, Vec<R>{}, y);
  y = choose<R>(x > F::exp_high, broadcast(F::infinity), y);
  return choose<R>(x == x, y, x);
}

template <class R>
SPIKELET_INLINE Vec<R> expm1_of(Vec<R> x) {
  using F = Float<R>;
  constexpr R low = sizeof(R) == 4 ? R(-60) : R(-600);  // where the result has long been -1
  const Vec<R> limited = choose<R>(x > low, x, broadcast(low));
  const auto [shifted, p] = reduce<R>(limited);
  const Vec<R> half = scale_by<R>(broadcast(R(0.5)), shifted);  // of 2^n
  Vec<R> y = (half - R(0.5) + half * p) * R(2);
  y = choose<R>(x > F::exp_high, broadcast(F::infinity), y);
  return choose<R>(x == x, y, x);
}

// expm1(x) / x. Divided before it is scaled to its size, where exp(x) itself would be too large.
template <class R>
SPIKELET_INLINE Vec<R> exprel_of(Vec<R> x) {
  constexpr R tiny = sizeof(R) == 4 ? R(1e-30) : R(1e-280);
  constexpr R low = sizeof(R) == 4 ? R(-60) : R(-600), high = sizeof(R) == 4 ? R(94) : R(717);
  const Vec<R> limited = choose<R>(x > low, x, broadcast(low));
  const auto [shifted, p] = reduce<R>(limited);
  const Vec<R> part = scale_by<R>(broadcast(R(0x1p-12)), shifted);  // of 2^n
  Vec<R> y = (part - R(0x1p-12) + part * p) / x * R(0x1p12);
  y = choose<R>(magnitude(x) < tiny, broadcast(R(1)), y);
  y = choose<R>(x > high, broadcast(Float<R>::infinity), y);
  return choose<R>(x == x, y, x);
}

template <class R>
SPIKELET_INLINE Vec<R> tanh_of(Vec<R> x) {
  const Vec<R> a = magnitude(x);
  const Vec<R> t = expm1_of<R>(a * R(-2));
  const Vec<R> y = with_sign(magnitude(t / (t + R(2))), x);
  return choose<R>(x == x, y, x);
}

// fdlibm: log(m) = f - (f^2/2 - s (f^2/2 + R(s^2))) with f = m - 1, s = f / (2 + f).
template <class R>
SPIKELET_INLINE Vec<R> log_of(Vec<R> x) {
  using F = Float<R>;
  using I = Mask<R>;
  constexpr R sqrt_half = R(0.70710678118654752440);
  // x = 2^k m, sqrt(1/2) <= m < sqrt(2)
  const I k =
      reinterpret_cast<I>(wrapping<R>(x) - wrapping<R>(broadcast(sqrt_half))) >> F::mantissa;
  const auto power = reinterpret_cast<Bits<R>>(k);
  const auto m = reinterpret_cast<Vec<R>>(wrapping<R>(x) - (power << F::mantissa));
  const Vec<R> f = m - R(1);
  // k as a number: it is added to the low bits of 1.5 * 2^mantissa.
  const Vec<R> n = reinterpret_cast<Vec<R>>(wrapping<R>(broadcast(F::round)) + power) - F::round;
  const Vec<R> s = f / (f + R(2));
  const Vec<R> z = s * s;
  const Vec<R> half_square = f * f * R(0.5);
  Vec<R> r;
  if constexpr (sizeof(R) == 4) {
    const Vec<R> w = z * z;
    r = (w * 0xf89e26.0p-26F + 0xccce13.0p-25F) * w;
    r = r + (w * 0x91e9ee.0p-25F + 0xaaaaaa.0p-24F) * z;
  } else {
    const Vec<R> w = z * z;
    Vec<R> even = w * 1.531383769920937332e-01 + 2.222219843214978396e-01;
    even = (even * w + 3.999999999940941908e-01) * w;
    Vec<R> odd = w * 1.479819860511658591e-01 + 1.818357216161805012e-01;
    odd = (odd * w + 2.857142874366239149e-01) * w + 6.666666666666735130e-01;
    r = odd * z + even;
  }
  constexpr R hi = sizeof(R) == 4 ? R(6.9313812256e-01F) : R(6.93147180369123816490e-01);
  constexpr R lo = sizeof(R) == 4 ? R(9.0580006145e-06F) : R(1.90821492927058770002e-10);
  Vec<R> y = n * hi - ((half_square - (s * (half_square + r) + n * lo)) - f);
  y = choose<R>(x < F::least, broadcast(-F::infinity), y);
  y = choose<R>(x < R(0), broadcast(F::nan), y);
  y = choose<R>(x == F::infinity, x, y);
  return choose<R>(x == x, y, x);
}

template <class R>
SPIKELET_INLINE Vec<R> log1p_of(Vec<R> x) {
  const Vec<R> u = x + R(1);
  const Vec<R> y = log_of<R>(u) - ((u - R(1)) - x) / u;  // what rounding u has cost
  return choose<R>((u == R(1)) | (x == Float<R>::infinity), x,
                   choose<R>(u == R(0), broadcast(-Float<R>::infinity), y));
}

// The integer next to x below, and above; x itself where all numbers are integers.
template <class R>
SPIKELET_INLINE Vec<R> floor_of(Vec<R> x) {
  constexpr R all_integers = sizeof(R) == 4 ? R(0x1p23) : R(0x1p52);
  const Vec<R> a = magnitude(x);
  const Vec<R> nearest = with_sign((a + all_integers) - all_integers, x);
  const Vec<R> below = nearest - choose<R>(nearest > x, broadcast(R(1)), Vec<R>{});
  return choose<R>(a < all_integers, with_sign(magnitude(below), x), x);
}
template <class R>
SPIKELET_INLINE Vec<R> ceil_of(Vec<R> x) {
  return -floor_of<R>(-x);
}

template <class R>
SPIKELET_INLINE Vec<R> sign_of(Vec<R> x) {
  const Vec<R> y = choose<R>(x > R(0), broadcast(R(1)), Vec<R>{}) -
                   choose<R>(x < R(0), broadcast(R(1)), Vec<R>{});
  return choose<R>(x == x, y, x);
}

template <class R>
SPIKELET_INLINE Vec<R> sqrt_of(Vec<R> x) {
  for (int k = 0; k < lanes<R>; ++k) {
    if constexpr (sizeof(R) == 4) {
      x[k] = __builtin_sqrtf(x[k]);
    } else {
      x[k] = __builtin_sqrt(x[k]);
    }
  }
  return x;
}

// From the C library, lane by lane.
#define SPIKELET_LIBM(name)                    \
  template <class R>                           \
  SPIKELET_INLINE Vec<R> name##_of(Vec<R> x) { \
    for (int k = 0; k < lanes<R>; ++k) {       \
      if constexpr (sizeof(R) == 4) {          \
        x[k] = __builtin_##name##f(x[k]);      \
      } else {                                 \
        x[k] = __builtin_##name(x[k]);         \
      }                                        \
    }                                          \
    return x;                                  \
  }
SPIKELET_LIBM(sin)
SPIKELET_LIBM(cos)
SPIKELET_LIBM(tan)
SPIKELET_LIBM(sinh)
SPIKELET_LIBM(cosh)
SPIKELET_LIBM(asin)
SPIKELET_LIBM(acos)
SPIKELET_LIBM(atan)
SPIKELET_LIBM(erf)
#undef SPIKELET_LIBM

template <class R>
SPIKELET_INLINE Vec<R> pow_of(Vec<R> x, Vec<R> y) {
  for (int k = 0; k < lanes<R>; ++k) {
    x[k] = power(x[k], y[k]);
  }
  return x;
}

}  // namespace spikelet::SPIKELET_LEVEL
