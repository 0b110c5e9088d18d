// Linear and convolutional layers over sparse inputs: their cost grows with the active inputs.
// Results have the same bits for any number of threads and any SIMD level. Inputs should be finite:
// a skipped input counts as 0 even if its factor is infinite. X is the type of the inputs: R, or
// std::uint8_t for spikes and counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spikelet::train {

struct Activity {
  std::size_t active;  // nonzero inputs
  bool finite;         // all of them
};
template <class X>
Activity activity(const X* x, std::size_t n, int threads);

struct LinearShape {
  std::size_t rows;
  std::size_t inputs;
  std::size_t outputs;
};
// y [rows][outputs] = x [rows][inputs] weight [outputs][inputs]^T + bias [outputs] (or null)
template <class R, class X>
void sparse_linear(const LinearShape& shape, const X* x, const R* weight, const R* bias, R* y,
                   int threads);
// Gradient of the weights [outputs][inputs], given that of y.
template <class R, class X>
void sparse_linear_weight(const LinearShape& shape, const X* x, const R* grad_y, R* grad_weight,
                          int threads);

struct Size {
  std::size_t height;
  std::size_t width;
};
struct ConvShape {
  std::size_t images;
  std::size_t channels;
  std::size_t outputs;  // channels of y
  std::size_t groups;
  Size input;
  Size output;
  Size kernel;
  Size stride;
  Size padding;  // above and to the left; below and to the right follow from the output
  Size dilation;
  bool channels_last;  // of x: [image][row][column][channel], else [image][channel][row][column]
};
// y [image][row][column][outputs]; weight [outputs][channels / groups][kernel row][kernel column]
template <class R, class X>
void sparse_conv(const ConvShape& shape, const X* x, const R* weight, const R* bias, R* y,
                 int threads);
template <class R, class X>
void sparse_conv_weight(const ConvShape& shape, const X* x, const R* grad_y, R* grad_weight,
                        int threads);

// sums [n] of x [rows][n] over its rows
template <class R>
void column_sums(const R* x, std::size_t rows, std::size_t n, R* sums, int threads);

}  // namespace spikelet::train
