// Functions of one value, of graded units and of neurons that follow one. Included only by
// layers/kernels.cpp. Elementary functions are those of core/program/functions.hpp: no fused
// operation, the same bits at each level.
namespace spikelet::layers::SPIKELET_LEVEL {

// The probability that a normal variable exceeds a >= 0, over exp(-a^2 / 4), and this power. Its
// ratio to exp(-a^2 / 2) t is a polynomial of 2 t - 1 with t = 2 / (2 + a / sqrt(2)): the Chebyshev
// series of erfcx.
template <class R>
struct Tail {
  Vec<R> part, power;
};
inline constexpr float tail_single[] = {0.2553956785F,    0.1717901665F,    0.06986786676F,
                                        0.009110692123F,  -0.005375813093F, -0.001620927448F,
                                        0.0007645785804F, 0.0002135100754F, -0.000149691356F,
                                        -1.647576964e-5F, 2.10805986e-5F,   -6.636977588e-7F};
inline constexpr double tail_double[] = {
    0.25539567631050576,     0.17179017110345336,    0.069868023139007376,   0.0091105578766474597,
    -0.0053776654720182657,  -0.0016197962647635766, 0.00077265300705066434, 0.00020932398553302539,
    -0.00016576828834507306, -8.5926270852034491e-6, 3.6117094147524034e-5,  -8.5383190725397852e-6,
    -5.4214926649822051e-6,  4.0335531056101145e-6,  -2.8882118057557134e-7, -9.1753927044907652e-7,
    5.1528496076455527e-7,   7.8602700333970792e-9,  -1.631230467648336e-7,  7.4857176301115604e-8,
    1.8000422646039967e-8,   -2.5728147171788677e-8, 3.2602173072007698e-9,  3.2986836514501372e-9,
    -9.5558686430394697e-10};

template <class R, std::size_t N>
SPIKELET_INLINE Vec<R> polynomial(const R (&coefficients)[N], Vec<R> x) {
  Vec<R> p = broadcast(coefficients[N - 1]);
  for (std::size_t k = N - 1; k-- > 0;) {
    p = p * x + coefficients[k];
  }
  return p;
}

template <class R>
SPIKELET_INLINE Tail<R> upper_tail(Vec<R> a) {
  const Vec<R> t = R(2) / (a * R(0.70710678118654752440) + R(2));
  const Vec<R> u = t * R(2) - R(1);
  Vec<R> p;
  if constexpr (sizeof(R) == 4) {
    p = polynomial(tail_single, u);
  } else {
    p = polynomial(tail_double, u);
  }
  // What rounding a^2 has cost (Dekker), of which the power would lose digits.
  using Word = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
  constexpr Word high_bits = ~((Word{1} << (Float<R>::mantissa + 1) / 2) - 1);
  const Vec<R> square = a * a;
  const auto high = reinterpret_cast<Vec<R>>(wrapping<R>(a) & high_bits);
  const Vec<R> low = a - high;
  const Vec<R> lost = ((high * high - square) + high * low * R(2)) + low * low;
  const Vec<R> power = exp_of<R>(square * R(-0.25));
  return {p * t * power * (R(1) - lost * R(0.5)), power};
}

template <class R>
SPIKELET_INLINE Vec<R> sigmoid_of(Vec<R> x) {
  return R(1) / (exp_of<R>(-x) + R(1));
}
template <class R>
SPIKELET_INLINE Vec<R> softplus_of(Vec<R> x) {
  const Vec<R> y = log1p_of<R>(exp_of<R>(-magnitude(x)));
  return choose<R>(x > R(0), x + y, choose<R>(x == x, y, x));
}
template <class R>
SPIKELET_INLINE Vec<R> gelu_of(Vec<R> x) {
  const Tail<R> tail = upper_tail<R>(magnitude(x));
  const Vec<R> less = magnitude(x) * tail.part * tail.power;
  const Vec<R> y = choose<R>(x > R(0), x - less, -less);
  return choose<R>(magnitude(x) < Float<R>::infinity, y, choose<R>(x < R(0), Vec<R>{}, x));
}
// x tanh(log(1 + exp(x))), as a fraction of powers that do not overflow.
template <class R>
SPIKELET_INLINE Vec<R> mish_of(Vec<R> x) {
  const Vec<R> e = exp_of<R>(-magnitude(x));
  const Vec<R> up = e * R(2) + R(1), down = e * (e + R(2));
  const Vec<R> top = choose<R>(x > R(0), up, down);
  const Vec<R> rest = choose<R>(x > R(0), e * e * R(2), broadcast(R(2)));
  return x * (top / (top + rest));
}
template <class R>
SPIKELET_INLINE Vec<R> hard_of(Vec<R> x, Vec<R> alpha, Vec<R> beta) {
  const Vec<R> y = alpha * x + beta;
  const Vec<R> above = choose<R>(y < R(0), Vec<R>{}, y);
  return choose<R>(above > R(1), broadcast(R(1)), above);
}

// y = f(x, alpha, beta) at `pixels` places that lie `pixel` values apart.
template <class R, class F>
SPIKELET_INLINE void each_value(const R* alpha, const R* beta, const R* x, R* y, std::size_t pixels,
                                std::size_t pixel, std::size_t channels, F&& f) {
  constexpr std::size_t wide = lanes<R>;
  for (std::size_t c = 0; c < channels; c += wide) {
    const std::size_t count = std::min(wide, channels - c);
    const Vec<R> a = alpha == nullptr ? Vec<R>{} : load_part(alpha + c, count);
    const Vec<R> b = beta == nullptr ? Vec<R>{} : load_part(beta + c, count);
    for (std::size_t p = 0; p < pixels; ++p) {
      const R* from = x + p * pixel + c;
      if (count == wide) {
        store(y + p * pixel + c, f(load(from), a, b));
      } else {
        store_part(y + p * pixel + c, f(load_part(from, count), a, b), count);
      }
    }
  }
}

template <class R>
void activate_values(Function function, const R* alpha, const R* beta, const R* x, R* y,
                     std::size_t pixels, std::size_t pixel, std::size_t channels) {
  using V = Vec<R>;
  const auto each = [=](auto f) { each_value<R>(alpha, beta, x, y, pixels, pixel, channels, f); };
  const auto zero = V{};
  switch (function) {
    case Function::abs:
      return each([](V v, V, V) { return magnitude(v); });
    case Function::celu:
      return each([](V v, V a, V) { return choose<R>(v > R(0), v, a * expm1_of<R>(v / a)); });
    case Function::clip:
      return each([](V v, V a, V b) {
        const V above = choose<R>(v < a, a, v);
        return choose<R>(above > b, b, above);
      });
    case Function::cos:
      return each([](V v, V, V) { return cos_of<R>(v); });
    case Function::elu:
      return each([](V v, V a, V) { return choose<R>(v > R(0), v, a * expm1_of<R>(v)); });
    case Function::erf:
      return each([](V v, V, V) { return erf_of<R>(v); });
    case Function::exp:
      return each([](V v, V, V) { return exp_of<R>(v); });
    case Function::floor:
      return each([](V v, V, V) { return floor_of<R>(v); });
    case Function::gelu:
      return each([](V v, V, V) { return gelu_of<R>(v); });
    case Function::gelu_tanh:
      return each([](V v, V, V) {
        const V cube = v * v * v * R(0.044715);
        return v * R(0.5) * (tanh_of<R>((v + cube) * R(0.79788456080286535588)) + R(1));
      });
    case Function::hardshrink:
      return each([=](V v, V a, V) { return choose<R>(magnitude(v) <= a, zero, v); });
    case Function::hardsigmoid:
      return each([](V v, V a, V b) { return hard_of<R>(v, a, b); });
    case Function::hardswish:
      return each([](V v, V a, V b) { return v * hard_of<R>(v, a, b); });
    case Function::leaky_relu:
      return each([](V v, V a, V) { return choose<R>(v > R(0), v, a * v); });
    case Function::log:
      return each([](V v, V, V) { return log_of<R>(v); });
    case Function::logsigmoid:
      return each([](V v, V, V) { return -softplus_of<R>(-v); });
    case Function::mish:
      return each([](V v, V, V) { return mish_of<R>(v); });
    case Function::pow:
      return each([](V v, V a, V) { return pow_of<R>(v, a); });
    case Function::reciprocal:
      return each([](V v, V, V) { return R(1) / v; });
    case Function::selu:
      return each([](V v, V a, V b) { return b * choose<R>(v > R(0), v, a * expm1_of<R>(v)); });
    case Function::sigmoid:
      return each([](V v, V, V) { return sigmoid_of<R>(v); });
    case Function::silu:
      return each([](V v, V a, V) { return v * sigmoid_of<R>(a * v); });
    case Function::sin:
      return each([](V v, V, V) { return sin_of<R>(v); });
    case Function::softplus:
      return each([](V v, V a, V b) {
        const V scaled = a * v;
        return choose<R>(scaled > b, v, softplus_of<R>(scaled) / a);
      });
    case Function::softshrink:
      return each([=](V v, V a, V) {
        return choose<R>(v > a, v - a, choose<R>(v < -a, v + a, choose<R>(v == v, zero, v)));
      });
    case Function::softsign:
      return each([](V v, V, V) { return v / (magnitude(v) + R(1)); });
    case Function::sqrt:
      return each([](V v, V, V) { return sqrt_of<R>(v); });
    case Function::square:
      return each([](V v, V, V) { return v * v; });
    case Function::tanh:
      return each([](V v, V, V) { return tanh_of<R>(v); });
    case Function::threshold:
      return each([](V v, V a, V b) { return choose<R>(v <= a, b, v); });
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
