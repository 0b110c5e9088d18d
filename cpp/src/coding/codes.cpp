#include "spikelet/coding/codes.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace spikelet::coding {
namespace {

void require(bool holds, const char* rule) {
  if (!holds) {
    throw std::invalid_argument(std::string("encoder: ") + rule);
  }
}

// Whether `size` values are `steps` rows of n; by division, as the product may overflow.
void require_rows(Step steps, std::size_t n, std::size_t size) {
  require(steps > 0, "steps must be at least 1");
  const auto rows = static_cast<std::size_t>(steps);
  require(size % rows == 0 && size / rows == n, "the raster must be [steps, n]");
}

std::size_t index(Step row, std::size_t n, std::size_t element) {
  return static_cast<std::size_t>(row) * n + element;
}

}  // namespace

void latency(std::span<const double> x, Step steps, double tau, double threshold,
             std::span<std::uint8_t> raster) {
  require_rows(steps, x.size(), raster.size());
  require(tau > 0, "tau must be > 0");
  std::ranges::fill(raster, std::uint8_t{0});
  const auto last = static_cast<double>(steps - 1);
  const double at_zero = std::exp(-last / tau);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] > threshold) {
      const double time =
          std::isinf(tau) ? last * (1 - x[i]) : -tau * std::log(x[i] + (1 - x[i]) * at_zero);
      const double row = time >= 0 ? std::min(std::nearbyint(time), last) : 0.0;  // also of NaN
      raster[index(static_cast<Step>(row), x.size(), i)] = 1;
    }
  }
}

void phase(std::span<const double> x, Step steps, int bits, std::span<std::uint8_t> raster) {
  const std::size_t n = x.size();
  require_rows(steps, n, raster.size());
  require(bits >= 1 && bits <= 32, "bits must lie in 1 .. 32");
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
  require(1 <= isi_min && isi_min <= isi_max && n_max >= 1,
          "isi_min and n_max must be at least 1, and isi_max at least isi_min");
  const std::size_t rows = x.empty() ? 0 : raster.size() / x.size();
  require(raster.size() == rows * x.size(), "the raster must be [steps, n]");
  // The last spike is in row (n_max - 1) * isi_max at most; by division, as that may overflow.
  require(x.empty() || (rows > 0 && static_cast<std::size_t>(n_max - 1) <=
                                        (rows - 1) / static_cast<std::size_t>(isi_max)),
          "(n_max - 1) * isi_max must be less than steps");
  require(std::ranges::all_of(x, [](double value) { return value >= 0 && value <= 1; }),
          "values must lie in [0, 1]");
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
  require(steps > 0 && raster.size() == 2 * x.size(), "the raster must be [steps, n, 2]");
  const std::size_t n = x.size() / static_cast<std::size_t>(steps);
  require_rows(steps, n, x.size());
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
