#include "spikelet/events/draws.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
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
  // Those with the least numbers; of equal ones, the first. The greatest of them is near the part
  // that is dropped, so few numbers have to be put in order.
  const auto memory = std::make_unique_for_overwrite<double[]>(keep.size());
  const std::span<double> number(memory.get(), keep.size());
  uniforms(seed, 0, number);
  const auto n = static_cast<double>(keep.size());
  const double part = static_cast<double>(dropped) / n,
               margin = 6 * std::sqrt(part * (1 - part) / n) + 6 / n;
  const double low = part - margin, high = part + margin;
  std::size_t below = 0;
  for (const double u : number) {
    below += u < low;
  }
  std::vector<double> order;
  std::ranges::copy_if(number, std::back_inserter(order),
                       [=](double u) { return u >= low && u <= high; });
  if (below >= dropped || below + order.size() < dropped) {  // once in 10^9
    below = 0;
    order.assign(number.begin(), number.end());
  }
  const auto bound = order.begin() + static_cast<std::ptrdiff_t>(dropped - below - 1);
  std::nth_element(order.begin(), bound, order.end());
  const double most = *bound;
  for (std::size_t k = 0; k < keep.size(); ++k) {
    keep[k] = number[k] > most;
  }
  // Of those that are equal to it, the last ones stay.
  auto stay = std::count(bound + 1, order.end(), most);
  for (std::size_t k = keep.size(); stay > 0;) {
    if (number[--k] == most) {
      keep[k] = 1;
      --stay;
    }
  }
}

}  // namespace spikelet::events
