#include "spikelet/events/draws.hpp"

#include <algorithm>
#include <vector>

#include "spikelet/core/kernels.hpp"
#include "spikelet/core/random.hpp"

namespace spikelet::events {
namespace {

constexpr std::size_t unit = 64;  // what the kernels draw at a time

template <class Draw>
void fill(std::uint64_t seed, std::uint32_t purpose, std::span<double> out, Draw draw) {
  const Stream stream(seed, Purpose::events, purpose);
  double drawn[unit];
  for (std::size_t k = 0; k < out.size(); k += unit) {
    draw(stream, static_cast<std::uint32_t>(k), static_cast<Step>(k >> 32), drawn);
    std::copy_n(drawn, std::min(unit, out.size() - k), out.data() + k);
  }
}

}  // namespace

void uniforms(std::uint64_t seed, std::uint32_t purpose, std::span<double> out) {
  fill(seed, purpose, out, kernels().uniforms);
}

void normals(std::uint64_t seed, std::uint32_t purpose, std::span<double> out) {
  fill(seed, purpose, out, kernels().normals);
}

void drop(std::uint64_t seed, std::size_t dropped, std::span<std::uint8_t> keep) {
  std::ranges::fill(keep, std::uint8_t{1});
  if (dropped == 0) {
    return;
  }
  // Those with the least numbers; of equal ones, the first.
  std::vector<double> number(keep.size());
  uniforms(seed, 0, number);
  std::vector<double> order = number;
  const auto bound = order.begin() + static_cast<std::ptrdiff_t>(dropped - 1);
  std::nth_element(order.begin(), bound, order.end());
  auto equal = static_cast<std::size_t>(
      std::count(order.begin(), bound + 1, *bound));  // nth_element puts the smaller ones before
  for (std::size_t k = 0; k < keep.size(); ++k) {
    if (number[k] < *bound) {
      keep[k] = 0;
    } else if (number[k] == *bound && equal > 0) {
      keep[k] = 0;
      --equal;
    }
  }
}

}  // namespace spikelet::events
