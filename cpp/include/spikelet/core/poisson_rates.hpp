// Exact Poisson counts where each element has its own mean, from 16-bit draws by inversion: the
// count is the number of limits, P(X <= k) as 16 bits, that lie below the draw. If the draw equals
// one (1 in 65536 for each), 32 more bits decide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"

namespace spikelet {

class PoissonRates {
 public:
  PoissonRates() = default;
  // means: events per draw, >= 0, up to largest_mean, of whole blocks of elements. Those above
  // PoissonTable::max_mean are split into equal parts, each of which takes a draw.
  explicit PoissonRates(std::span<const double> means);

  // 64 elements that are drawn together.
  struct Block {
    std::size_t limits;  // where they begin: `rows` rows of 64
    std::uint32_t rows;
    std::uint32_t parts;  // the largest of the elements'; 0: all means are 0
  };
  bool empty() const { return blocks_.empty(); }
  const Block& block(std::size_t k) const { return blocks_[k]; }
  // Limits and draws are compared as signed numbers, so these are 2^15 less.
  const std::int16_t* limits(const Block& block) const { return limits_.data() + block.limits; }
  // Of how many parts an element's mean is.
  std::uint32_t parts(std::size_t element) const { return elements_[element].parts; }
  // The count of a draw that equals a limit, by 32 more bits.
  std::uint32_t settle(std::size_t element, std::uint16_t draw, std::uint32_t more) const;

 private:
  struct Element {
    double mean, p_zero;  // of a part
    std::uint32_t parts;
  };

  std::vector<Block> blocks_;
  Buffer<std::int16_t> limits_;
  std::vector<Element> elements_;
};

}  // namespace spikelet
