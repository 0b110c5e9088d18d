#include "spikelet/coding/codes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace spikelet::coding {
namespace {

std::size_t index(Step row, std::size_t n, std::size_t element) {
  return static_cast<std::size_t>(row) * n + element;
}

}  // namespace

void latency(std::span<const double> x, Step steps, double tau, double threshold,
             std::span<std::uint8_t> raster) {
  std::ranges::fill(raster, std::uint8_t{0});
  const auto last = static_cast<double>(steps - 1);
  const double at_zero = std::exp(-last / tau);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] > threshold) {
      const double time =
          std::isinf(tau) ? last * (1 - x[i]) : -tau * std::log(x[i] + (1 - x[i]) * at_zero);
      const double row = std::clamp(std::nearbyint(time), 0.0, last);
      raster[index(static_cast<Step>(row), x.size(), i)] = 1;
    }
  }
}

void phase(std::span<const double> x, Step steps, int bits, std::span<std::uint8_t> raster) {
  const std::size_t n = x.size();
  const double levels = std::ldexp(1.0, bits);
  std::vector<std::uint32_t> code(n);
  for (std::size_t i = 0; i < n; ++i) {
    code[i] = static_cast<std::uint32_t>(std::min(x[i] * levels, levels - 1));
  }
  for (Step row = 0; row < steps; ++row) {
    const int shift = bits - 1 - static_cast<int>(row % bits);
    std::uint8_t* out = raster.data() + index(row, n, 0);
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = (code[i] >> shift) & 1u;
    }
  }
}

void burst(std::span<const double> x, std::int64_t n_max, Step isi_min, Step isi_max,
           std::span<std::uint8_t> raster) {
  std::ranges::fill(raster, std::uint8_t{0});
  const auto longest = static_cast<double>(isi_max), range = static_cast<double>(isi_max - isi_min);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto count = static_cast<Step>(std::ceil(static_cast<double>(n_max) * x[i]));
    const auto isi = static_cast<Step>(std::ceil(longest - range * x[i]));
    for (Step k = 0; k < count; ++k) {
      raster[index(k * isi, x.size(), i)] = 1;
    }
  }
}

void delta(std::span<const double> x, Step steps, double threshold,
           std::span<std::uint8_t> raster) {
  const std::size_t n = x.size() / static_cast<std::size_t>(steps);
  // A step of exactly one threshold counts although neither may be a binary fraction.
  const double limit = threshold * (1 - 1e-6);
  std::vector<double> level(
      n);  // of the reference above the first value, in thresholds: whole, so it does not drift
  for (Step row = 0; row < steps; ++row) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t k = index(row, n, i);
      const double distance = x[k] - (x[i] + level[i] * threshold);
      const bool on = distance >= limit, off = distance <= -limit;
      level[i] += on - off;
      raster[2 * k] = on;
      raster[2 * k + 1] = off;
    }
  }
}

}  // namespace spikelet::coding
