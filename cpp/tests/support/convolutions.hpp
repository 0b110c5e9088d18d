// Convolutions of various shapes, with random weights.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "layers/plan.hpp"
#include "spikelet/core/random.hpp"

namespace test {

using namespace spikelet;
using namespace spikelet::layers;

inline double draw(std::size_t i, std::uint32_t object) {
  return uniform(Stream(1, Purpose::values, object).words(i, 0)[0]);
}

struct Case {
  std::size_t in, out, height, width, kernel_height, kernel_width, stride_y, stride_x, dilation;
  std::size_t top, left, groups, steps;
};

inline constexpr Case cases[]{
    {16, 16, 5, 7, 3, 3, 1, 1, 1, 1, 1, 1, 5},   {20, 32, 6, 9, 3, 3, 2, 2, 1, 1, 1, 1, 7},
    {64, 64, 4, 5, 3, 3, 1, 1, 1, 1, 1, 1, 4},   {5, 48, 6, 6, 5, 5, 1, 1, 1, 2, 2, 1, 6},
    {100, 10, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 9},  {3, 64, 7, 8, 3, 2, 1, 1, 2, 2, 1, 1, 3},
    {12, 16, 6, 5, 1, 1, 2, 3, 1, 0, 0, 1, 8},   {12, 24, 6, 7, 3, 3, 1, 2, 1, 1, 1, 4, 5},
    {16, 16, 7, 20, 3, 7, 1, 1, 1, 1, 3, 1, 4},  {130, 32, 3, 4, 3, 4, 3, 4, 1, 0, 0, 1, 11},
    {16, 16, 5, 40, 4, 3, 1, 1, 1, 1, 1, 1, 10},
};

inline Kernel kernel_of(const Case& c) {
  Conv conv;
  conv.kernel_height = c.kernel_height;
  conv.kernel_width = c.kernel_width;
  conv.stride_y = c.stride_y;
  conv.stride_x = c.stride_x;
  conv.dilation_y = conv.dilation_x = c.dilation;
  conv.top = c.top;
  conv.left = c.left;
  conv.groups = c.groups;
  std::vector<double> weights;
  for (std::size_t i = 0; i < c.out * c.in / c.groups * c.kernel_height * c.kernel_width; ++i) {
    weights.push_back(draw(i, 1) - 0.5);
  }
  conv.weights = std::move(weights);
  const auto places = [&](std::size_t n, std::size_t kernel, std::size_t stride, std::size_t pad) {
    return (n + 2 * pad - c.dilation * (kernel - 1) - 1) / stride + 1;
  };
  return {conv,
          {c.in, c.height, c.width},
          {c.out, places(c.height, c.kernel_height, c.stride_y, c.top),
           places(c.width, c.kernel_width, c.stride_x, c.left)}};
}

}  // namespace test
