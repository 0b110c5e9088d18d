// Sums of rows of weights. Included only by level.hpp.

namespace spikelet::train::SPIKELET_LEVEL {

template <class R>
void add_row(R value, const R* row, R* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    y[i] += value * row[i];
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
