// The gradient with respect to the input of a convolution. It is dense, because inactive inputs
// have one, too. Minimal filtering computes it with up to four times fewer multiplications than the
// sum that defines it. Results have the same bits for any number of threads and any SIMD level.
#pragma once

#include "spikelet/train/sparse.hpp"

namespace spikelet::train {

// Whether this is expected to be faster than a direct product: square kernels of 2 to 5 places for
// each step of the stride, without groups or dilation, and images that fill the tiles.
bool suits_conv_input(const ConvShape& shape);

// grad_x [image][row][column][channel], given grad_y [image][row][column][output] and
// weight [output][channel][kernel row][kernel column]; the shape must suit.
void conv_input(const ConvShape& shape, const float* grad_y, const float* weight, float* grad_x,
                int threads);

}  // namespace spikelet::train
