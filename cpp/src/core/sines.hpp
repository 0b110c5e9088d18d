// Sines of many angles, with the same bits as sine().

namespace spikelet::SPIKELET_LEVEL {

inline void sines(const Angle* angles, std::size_t n, double* out) {
  using U = Vec<std::uint64_t>;
  using D = Vec<double>;
  constexpr Angle quarter = Angle{1} << 62;
  constexpr auto width = static_cast<std::size_t>(lanes<double>);
  for (std::size_t k = 0; k < n; k += width) {
    const U given = load(angles + k);
    // Beyond a quarter turn, sin(pi - x) = sin(x).
    const U beyond = U{} - ((given + quarter) >> 63);
    const U angle = (given & ~beyond) | ((2 * quarter - given) & beyond);
    const D x =
        __builtin_convertvector(reinterpret_cast<Vec<std::int64_t>>(angle), D) * 0x1p-64 * two_pi;
    const D y = x * x;
    D sum{};
    for (std::size_t i = sine_taylor.size(); i-- > 0;) {
      sum = y * sine_taylor[i] * (1 - sum);
    }
    store(out + k, x - x * sum);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
