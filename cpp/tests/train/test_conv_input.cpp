// The gradient of a convolution's input against plain loops in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "spikelet/train/conv_input.hpp"
#include "support/sparse_values.hpp"
#include "support/values.hpp"

namespace test_train_conv_input {

namespace {

using namespace spikelet;
using namespace spikelet::train;
using test::same_bits;
using test::sparse_values;

std::vector<double> reference(const ConvShape& s, const std::vector<float>& grad_y,
                              const std::vector<float>& weight) {
  const auto [height, width] = s.input;
  std::vector<double> grad_x(s.images * height * width * s.channels);
  std::size_t at = 0;
  for (std::size_t image = 0; image < s.images; ++image) {
    for (std::size_t oy = 0; oy < s.output.height; ++oy) {
      for (std::size_t ox = 0; ox < s.output.width; ++ox) {
        for (std::size_t o = 0; o < s.outputs; ++o, ++at) {
          std::size_t k = o * s.channels * s.kernel.height * s.kernel.width;
          for (std::size_t c = 0; c < s.channels; ++c) {
            for (std::size_t ky = 0; ky < s.kernel.height; ++ky) {
              for (std::size_t kx = 0; kx < s.kernel.width; ++kx, ++k) {
                // Wraps below 0, and is then too large as well.
                const std::size_t y = oy * s.stride.height + ky - s.padding.height;
                const std::size_t x = ox * s.stride.width + kx - s.padding.width;
                if (y < height && x < width) {
                  grad_x[((image * height + y) * width + x) * s.channels + c] +=
                      static_cast<double>(grad_y[at]) * static_cast<double>(weight[k]);
                }
              }
            }
          }
        }
      }
    }
  }
  return grad_x;
}

}  // namespace

TEST_CASE("the gradient of the input is that of the sum which defines it") {
  // images, channels, outputs, groups, input, output, kernel, stride, padding, dilation
  for (const ConvShape& shape : {
           ConvShape{60, 16, 16, 1, {12, 12}, {12, 12}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true},
           ConvShape{41, 20, 40, 1, {16, 12}, {14, 10}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, true},
           ConvShape{40, 24, 33, 1, {14, 14}, {7, 7}, {5, 5}, {2, 2}, {2, 2}, {1, 1}, true},
           ConvShape{40, 20, 16, 1, {15, 13}, {7, 6}, {5, 5}, {2, 2}, {1, 1}, {1, 1}, true},
           ConvShape{40, 16, 70, 1, {10, 10}, {10, 10}, {5, 5}, {1, 1}, {2, 2}, {1, 1}, true},
           ConvShape{60, 16, 40, 1, {18, 18}, {9, 9}, {4, 4}, {2, 2}, {1, 1}, {1, 1}, true},
           ConvShape{60, 16, 64, 1, {10, 10}, {11, 11}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, true},
           ConvShape{40, 16, 24, 1, {12, 12}, {12, 12}, {4, 4}, {1, 1}, {2, 2}, {1, 1}, true},
           ConvShape{40, 16, 24, 1, {24, 24}, {12, 12}, {7, 7}, {2, 2}, {3, 3}, {1, 1}, true},
           ConvShape{40, 12, 64, 1, {12, 13}, {8, 9}, {5, 5}, {1, 1}, {0, 0}, {1, 1}, true},
           ConvShape{40, 16, 40, 1, {17, 19}, {7, 8}, {5, 5}, {2, 2}, {0, 0}, {1, 1}, true},
           ConvShape{40, 16, 40, 1, {10, 9}, {7, 6}, {4, 4}, {1, 1}, {0, 0}, {1, 1}, true},
       }) {
    CAPTURE(shape.kernel.height);
    CAPTURE(shape.stride.height);
    REQUIRE(suits_conv_input(shape));
    const auto grad_y = sparse_values<float>(
        shape.images * shape.output.height * shape.output.width * shape.outputs, 1, 1);
    const auto weight = sparse_values<float>(
        shape.outputs * shape.channels * shape.kernel.height * shape.kernel.width, 1, 2);
    const std::vector<double> expected = reference(shape, grad_y, weight);
    double square = 0;
    for (const double value : expected) {
      square += value * value;
    }
    const double scale = std::sqrt(square / static_cast<double>(expected.size()));
    std::vector<float> first;
    for (const int threads : {1, 2, 3}) {
      std::vector<float> grad_x(expected.size(), 1e30f);
      conv_input(shape, grad_y.data(), weight.data(), grad_x.data(), threads);
      double worst = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(grad_x[i]) - expected[i]));
      }
      CHECK(worst < 2e-5 * scale);
      first = first.empty() ? grad_x : first;
      CHECK(same_bits(grad_x, first));
    }
  }
}

TEST_CASE("only shapes that gain are computed by tiles") {
  const ConvShape good{60, 16, 16, 1, {12, 12}, {12, 12}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true};
  CHECK(suits_conv_input(good));
  const auto suits = [&](auto&& change) {
    ConvShape shape = good;
    change(shape);
    return suits_conv_input(shape);
  };
  CHECK_FALSE(suits([](ConvShape& s) { s.groups = 2; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.dilation = {1, 2}; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.kernel = {3, 1}; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.kernel = {1, 1}; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.stride = {1, 2}; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.stride = {3, 3}; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.images = 0; }));
  CHECK_FALSE(suits([](ConvShape& s) { s.images = 1; }));                 // filters cost more
  CHECK_FALSE(suits([](ConvShape& s) { s.input = s.output = {1, 1}; }));  // one tile a pixel
  CHECK_FALSE(suits([](ConvShape& s) { s.kernel = {3, 3}, s.stride = {2, 2}; }));  // few products
}

}  // namespace test_train_conv_input
