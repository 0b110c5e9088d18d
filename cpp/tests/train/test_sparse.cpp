// Layers over sparse inputs against plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "spikelet/train/sparse.hpp"
#include "support/sparse_values.hpp"
#include "support/values.hpp"

namespace test_train_sparse {

namespace {

using namespace spikelet;
using namespace spikelet::train;
using test::same_bits;
using test::sparse_values;

template <class R>
void check_close(const std::vector<R>& a, const std::vector<R>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  CHECK(worst < (sizeof(R) == 4 ? 1e-4 : 1e-12));
}

}  // namespace

TEST_CASE_TEMPLATE("activity spans parts", R, float, double) {
  std::vector<R> x(200000);
  x[0] = x[70000] = x[199999] = 1;
  for (const int threads : {1, 3}) {
    const Activity found = activity(x.data(), x.size(), threads);
    CHECK(found.active == 3);
    CHECK(found.finite);
  }
  x[150000] = std::numeric_limits<R>::infinity();
  CHECK_FALSE(activity(x.data(), x.size(), 2).finite);
}

TEST_CASE_TEMPLATE("the sparse linear layer is the dense one", R, float, double) {
  for (const LinearShape& shape :
       {LinearShape{1, 1, 1}, {5, 30, 20}, {40, 17, 145}, {2100, 270, 7}, {600, 900, 161}}) {
    const auto x = sparse_values<R>(shape.rows * shape.inputs, 0.1, 1);
    const auto weight = sparse_values<R>(shape.outputs * shape.inputs, 1, 2);
    const auto bias = sparse_values<R>(shape.outputs, 1, 3);
    const auto grad_y = sparse_values<R>(shape.rows * shape.outputs, 1, 4);
    std::vector<R> expected(shape.rows * shape.outputs), expected_grad(weight.size());
    std::vector<R> column(shape.outputs);
    for (std::size_t r = 0; r < shape.rows; ++r) {
      for (std::size_t o = 0; o < shape.outputs; ++o) {
        const std::size_t at = r * shape.outputs + o;
        expected[at] = bias[o];
        column[o] += grad_y[at];
        for (std::size_t i = 0; i < shape.inputs; ++i) {
          expected[at] += x[r * shape.inputs + i] * weight[o * shape.inputs + i];
          expected_grad[o * shape.inputs + i] += x[r * shape.inputs + i] * grad_y[at];
        }
      }
    }
    std::vector<R> first;
    for (const int threads : {1, 2, 3}) {
      std::vector<R> y(expected.size()), grad(weight.size()), sums(shape.outputs);
      sparse_linear(shape, x.data(), weight.data(), bias.data(), y.data(), threads);
      sparse_linear_weight(shape, x.data(), grad_y.data(), grad.data(), threads);
      column_sums(grad_y.data(), shape.rows, shape.outputs, sums.data(), threads);
      check_close(y, expected);
      check_close(grad, expected_grad);
      check_close(sums, column);
      y.insert(y.end(), grad.begin(), grad.end());
      y.insert(y.end(), sums.begin(), sums.end());
      first = first.empty() ? y : first;
      CHECK(same_bits(y, first));
    }
  }
}

TEST_CASE_TEMPLATE("the sparse convolution is the dense one", R, float, double) {
  // images, channels, outputs, groups, input, output, kernel, stride, padding, dilation
  for (ConvShape shape : {
           ConvShape{3, 2, 5, 1, {7, 6}, {7, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true},
           ConvShape{70, 4, 6, 2, {9, 8}, {5, 3}, {3, 2}, {2, 3}, {1, 1}, {1, 2}, true},
           ConvShape{2, 1, 17, 1, {40, 41}, {7, 7}, {4, 5}, {5, 6}, {0, 2}, {3, 2}, true},
           ConvShape{1, 3, 2, 1, {2, 2}, {9, 4}, {2, 1}, {1, 2}, {4, 3}, {1, 1}, true},
       }) {
    const std::size_t channels = shape.channels / shape.groups;
    const std::size_t outputs = shape.outputs / shape.groups;
    const auto [height, width] = shape.input;
    const std::size_t pixels = height * width;
    const std::size_t row = channels * shape.kernel.height * shape.kernel.width;
    const auto x = sparse_values<R>(shape.images * pixels * shape.channels, 0.15, 1);
    const auto weight = sparse_values<R>(shape.outputs * row, 1, 2);
    const auto bias = sparse_values<R>(shape.outputs, 1, 3);
    const auto grad_y = sparse_values<R>(
        shape.images * shape.output.height * shape.output.width * shape.outputs, 1, 4);
    std::vector<R> planes(x.size()), expected(grad_y.size()), expected_grad(weight.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::size_t image = i / (pixels * shape.channels);
      const std::size_t pixel = i / shape.channels % pixels;
      planes[(image * shape.channels + i % shape.channels) * pixels + pixel] = x[i];
    }
    std::size_t at = 0;
    for (std::size_t image = 0; image < shape.images; ++image) {
      for (std::size_t oy = 0; oy < shape.output.height; ++oy) {
        for (std::size_t ox = 0; ox < shape.output.width; ++ox) {
          for (std::size_t o = 0; o < shape.outputs; ++o, ++at) {
            expected[at] = bias[o];
            for (std::size_t k = 0; k < row; ++k) {
              const std::size_t kx = k % shape.kernel.width;
              const std::size_t ky = k / shape.kernel.width % shape.kernel.height;
              const std::size_t c =
                  o / outputs * channels + k / (shape.kernel.width * shape.kernel.height);
              // Wraps below 0, and is then too large as well.
              const std::size_t iy =
                  oy * shape.stride.height + ky * shape.dilation.height - shape.padding.height;
              const std::size_t ix =
                  ox * shape.stride.width + kx * shape.dilation.width - shape.padding.width;
              if (iy < height && ix < width) {
                const R value = x[(image * pixels + iy * width + ix) * shape.channels + c];
                expected[at] += value * weight[o * row + k];
                expected_grad[o * row + k] += value * grad_y[at];
              }
            }
          }
        }
      }
    }
    for (const bool last : {true, false}) {
      shape.channels_last = last;
      const R* input = last ? x.data() : planes.data();
      std::vector<R> first;
      for (const int threads : {1, 2, 3}) {
        std::vector<R> y(expected.size()), grad(weight.size());
        sparse_conv(shape, input, weight.data(), bias.data(), y.data(), threads);
        sparse_conv_weight(shape, input, grad_y.data(), grad.data(), threads);
        check_close(y, expected);
        check_close(grad, expected_grad);
        y.insert(y.end(), grad.begin(), grad.end());
        first = first.empty() ? y : first;
        CHECK(same_bits(y, first));
      }
    }
  }
}

}  // namespace test_train_sparse
