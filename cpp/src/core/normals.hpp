// Uniform and normal doubles for blocks of 64 elements, with the same bits as uniform() and
// normal_quantile().

namespace spikelet::SPIKELET_LEVEL {

// A double in (0, 1) from two words, of which the second may have garbage in its upper half: 52
// bits as the fraction of a number in [1, 2); all that follows is exact.
SPIKELET_INLINE Vec<double> uniform_of(Vec<std::uint64_t> first, Vec<std::uint64_t> second) {
  const Vec<std::uint64_t> bits = ((first << 32) | (second & std::uint64_t{0xffffffffu})) >> 12;
  return reinterpret_cast<Vec<double>>(bits | std::uint64_t{0x3ff0000000000000u}) - 1.0 + 0x1p-53;
}

inline void uniforms_block(const Stream& stream, std::uint32_t first, Step step, double* out) {
  using U = Vec<std::uint64_t>;
  constexpr int width = lanes<std::uint64_t>;
  constexpr int parts = 16 / width;
  for (std::size_t k = 0; k < block_size; k += 16) {
    U c[4][parts];
    for (int p = 0; p < parts; ++p) {
      c[0][p] = load(lane_numbers + p * width) + std::uint64_t{first + k};
      c[1][p] = U{} + static_cast<std::uint32_t>(step);
      c[2][p] = U{} + static_cast<std::uint32_t>(step >> 32);
      c[3][p] = U{} + stream.word();
    }
    philox_rounds<parts>(stream, c);
    for (int p = 0; p < parts; ++p) {
      store(out + k + static_cast<std::size_t>(p * width), uniform_of(c[0][p], c[1][p]));
    }
  }
}

inline void uniform_pairs(const Stream& stream, const std::uint64_t* elements, std::size_t n,
                          Step step, double* first, double* second) {
  using U = Vec<std::uint64_t>;
  constexpr int width = lanes<std::uint64_t>;
  constexpr int parts = 16 / width;
  for (std::size_t k = 0; k < n; k += 16) {
    U c[4][parts];
    for (int p = 0; p < parts; ++p) {
      c[0][p] = load(elements + k + static_cast<std::size_t>(p * width));
      c[1][p] = U{} + static_cast<std::uint32_t>(step);
      c[2][p] = U{} + static_cast<std::uint32_t>(step >> 32);
      c[3][p] = U{} + stream.word();
    }
    philox_rounds<parts>(stream, c);
    for (int p = 0; p < parts; ++p) {
      const std::size_t at = k + static_cast<std::size_t>(p * width);
      store(first + at, uniform_of(c[0][p], c[1][p]));
      store(second + at, uniform_of(c[2][p], c[3][p]));
    }
  }
}

inline void normals_block(const Stream& stream, std::uint32_t first, Step step, double* out) {
  using D = Vec<double>;
  constexpr auto width = static_cast<std::size_t>(lanes<double>);
  alignas(64) double u[block_size];
  uniforms_block(stream, first, step, u);
  for (std::size_t k = 0; k < block_size; k += width) {
    const D q = load(u + k) - 0.5;
    const D r = 0.180625 - q * q;
    D a = D{} + normal_centre_num[7], b = D{} + normal_centre_den[7];
    for (int i = 6; i >= 0; --i) {
      a = a * r + normal_centre_num[i];
      b = b * r + normal_centre_den[i];
    }
    store(out + k, q * (a / b));
  }
  std::uint8_t tails[block_size];  // three of twenty
  std::size_t n = 0;
  for (std::size_t k = 0; k < block_size; ++k) {
    const double q = u[k] - 0.5;
    tails[n] = static_cast<std::uint8_t>(k);
    n += (q < 0 ? -q : q) > normal_centre ? 1 : 0;
  }
  for (std::size_t k = 0; k < n; ++k) {
    out[tails[k]] = normal_quantile(u[tails[k]]);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
