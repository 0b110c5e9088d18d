#include "spikelet/core/poisson_rates.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "spikelet/core/poisson.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {
namespace {

constexpr std::int32_t last_limit = 65535;

// P(X <= k) for k = 0, 1, ... in turn.
class Cumulative {
 public:
  Cumulative(double mean, double p_zero) : mean_(mean), term_(p_zero), sum_(p_zero) {}
  double operator()() const { return sum_; }
  void next() {
    term_ *= mean_ / ++k_;
    sum_ += term_;
  }

 private:
  double mean_, term_, sum_;
  int k_ = 0;
};

}  // namespace

PoissonRates::PoissonRates(std::span<const double> means) {
  elements_.reserve(means.size());
  for (const double mean : means) {
    if (!(mean <= largest_mean)) {
      throw std::invalid_argument("a Poisson count must have a mean of at most 2^18");
    }
    const double parts = std::ceil(std::max(mean, 0.0) / PoissonTable::max_mean);
    const double part = parts > 0 ? mean / parts : 0;
    elements_.push_back({part, std::exp(-part), static_cast<std::uint32_t>(parts)});
  }
  std::array<std::int16_t, block_size> row;
  for (std::size_t begin = 0; begin < elements_.size(); begin += block_size) {
    const std::span of(elements_.data() + begin, block_size);
    Block& block = blocks_.emplace_back(Block{limits_.size(), 0, 0});
    std::vector<Cumulative> all;
    for (const Element& element : of) {
      block.parts = std::max(block.parts, element.parts);
      all.emplace_back(element.mean, element.p_zero);
    }
    for (bool more = true; more; ++block.rows) {
      more = false;
      for (std::size_t n = 0; n < block_size; ++n) {
        const auto limit = static_cast<std::int32_t>(std::min(all[n]() * 0x1p16, 65535.0));
        row[n] = static_cast<std::int16_t>(limit - 32768);
        more |= limit < last_limit && block.rows + 1 < 64;
        all[n].next();
      }
      limits_.insert(limits_.end(), row.begin(), row.end());
    }
  }
}

std::uint32_t PoissonRates::settle(std::size_t element, std::uint16_t draw,
                                   std::uint32_t more) const {
  const Element& of = elements_[element];
  const double u = (draw + (more + 0.5) * 0x1p-32) * 0x1p-16;
  std::uint32_t count = 0;
  for (Cumulative cumulative(of.mean, of.p_zero); u > cumulative() && count < 1000; ++count) {
    cumulative.next();
  }
  return count;
}

}  // namespace spikelet
