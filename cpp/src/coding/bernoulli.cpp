#include "spikelet/coding/bernoulli.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "core/thresholds.hpp"
#include "spikelet/core/buffer.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/random.hpp"

namespace spikelet::coding {
namespace {

// Calls visit(step, first element of the block, bit n = spike of its element n), blocks inside
// steps.
template <class Visit>
void for_each_block(std::span<const double> p, Step steps, std::uint64_t seed, Visit visit) {
  const std::size_t blocks = round_up(p.size(), block_size) / block_size;
  Buffer<std::uint16_t> high(blocks * block_size);  // padding has p = 0
  Buffer<std::uint32_t> low(blocks * block_size);
  std::vector<std::uint64_t> certain(blocks);  // thresholds end at 1 - 2^-48: p = 1 is set by hand
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::size_t first = b * block_size;
    const std::size_t n = std::min(block_size, p.size() - first);
    to_thresholds(&p[first], n, &high[first], &low[first]);
    std::uint64_t ones = 0;
    for (std::size_t i = 0; i < n; ++i) {
      ones |= std::uint64_t{p[first + i] >= 1.0} << i;
    }
    certain[b] = ones;
  }
  const Stream stream(seed, Purpose::encode, 0), tie(seed, Purpose::encode_tie, 0);
  const auto below = kernels().below;
  for (Step step = 0; step < steps; ++step) {
    for (std::size_t b = 0; b < blocks; ++b) {
      const std::size_t first = b * block_size;
      visit(step, first,
            certain[b] |
                below(stream, tie, static_cast<std::uint32_t>(b), step, &high[first], &low[first]));
    }
  }
}

// Byte n of spread_table[x] is bit n of x.
constexpr auto spread_table = [] {
  std::array<std::array<std::uint8_t, 8>, 256> table{};
  for (unsigned x = 0; x < 256; ++x) {
    for (unsigned n = 0; n < 8; ++n) {
      table[x][n] = (x >> n) & 1u;
    }
  }
  return table;
}();

void spread(std::uint64_t bits, std::uint8_t* out) {
  for (std::size_t n = 0; n < block_size; n += 8) {
    std::memcpy(out + n, spread_table[(bits >> n) & 255u].data(), 8);
  }
}

}  // namespace

void bernoulli(std::span<const double> p, Step steps, std::uint64_t seed,
               std::span<std::uint8_t> raster) {
  const std::size_t n = p.size();
  if (steps < 0 || (steps > 0 && raster.size() / static_cast<std::size_t>(steps) != n)) {
    throw std::invalid_argument("encoder: the raster must be [steps, n]");
  }
  for_each_block(p, steps, seed, [&](Step step, std::size_t first, std::uint64_t bits) {
    std::uint8_t* out = raster.data() + static_cast<std::size_t>(step) * n + first;
    if (first + block_size <= n) {
      spread(bits, out);
    } else {
      std::array<std::uint8_t, block_size> last;
      spread(bits, last.data());
      std::memcpy(out, last.data(), n - first);
    }
  });
}

SpikeList bernoulli_list(std::span<const double> p, Step steps, std::uint64_t seed) {
  double mean = 0;
  for (const double x : p) {
    mean += x * static_cast<double>(steps);
  }
  SpikeList list;
  list.reserve(static_cast<std::size_t>(mean + 5 * std::sqrt(mean)) +
               1);  // the variance is at most the mean
  for_each_block(p, steps, seed, [&](Step step, std::size_t first, std::uint64_t bits) {
    for (; bits != 0; bits &= bits - 1) {
      list.add(step, first + static_cast<std::size_t>(std::countr_zero(bits)));
    }
  });
  return list;
}

}  // namespace spikelet::coding
