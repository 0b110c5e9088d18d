// Weights of convolutions in the order in which kernels read them.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "layers/plan.hpp"
#include "spikelet/layers/graded.hpp"

namespace spikelet::layers {
namespace {

// Sums of weights of four inputs are four times as large as the weights; they pay while they stay
// close.
constexpr std::size_t bytes_of_fours = 100 << 10;

double weight_of(const Kernel& k, std::size_t out, std::size_t in, std::size_t ky, std::size_t kx) {
  const Conv& c = k.conv;
  const std::size_t per_group = k.in.channels / c.groups;
  return c.weights[((out * per_group + in) * c.kernel_height + ky) * c.kernel_width + kx];
}

// The weight from an input channel to an output of its group, as spikes add it.
template <class C, class R>
C event_weight(const Kernel& k, std::size_t out, std::size_t in, std::size_t ky, std::size_t kx,
               std::span<const R> amplitude, std::span<const R> scale) {
  const std::size_t per_group = k.in.channels / k.conv.groups;
  const R w = static_cast<R>(weight_of(k, out, in % per_group, ky, kx)) * amplitude[in];
  return static_cast<C>(scale.empty() ? w : std::nearbyint(w * scale[out % scale.size()]));
}

std::vector<std::uint32_t> axis_fan_out(std::size_t in, std::size_t out, std::size_t kernel,
                                        std::size_t stride, std::size_t dilation,
                                        std::size_t before) {
  std::vector<std::uint32_t> fan(in);
  for (std::size_t o = 0; o < out; ++o) {
    for (std::size_t k = 0; k < kernel; ++k) {
      const std::size_t at = o * stride + k * dilation;
      if (at >= before && at - before < in) {
        ++fan[at - before];
      }
    }
  }
  return fan;
}

// Fills fan.each and fan.bits.
void count_uses(const Kernel& k, FanOut& fan) {
  const Layout l(k.in);
  fan.each.resize(l.size());
  std::uint64_t any = 0;
  for (std::size_t c = 0, i = 0; c < l.channels; ++c) {
    for (std::size_t y = 0; y < l.height; ++y) {
      for (std::size_t x = 0; x < l.width; ++x, ++i) {
        std::uint64_t& each = fan.each[y * l.row() + x * l.pixel + c];
        each = std::uint64_t{fan.rows[y]} * fan.columns[x] * k.conv.uses[i];
        any |= each;
      }
    }
  }
  for (std::size_t bit = 0; any != 0; ++bit, any >>= 1) {
    auto& bits = fan.bits.emplace_back(l.height * l.row_bytes());
    for (std::size_t i = 0; i < l.size(); ++i) {
      const std::uint64_t set = fan.each[i] >> bit & 1;
      bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | set << i % 8);
    }
  }
}

}  // namespace

std::optional<std::size_t> input_row(const Kernel& k, std::size_t y, std::size_t ky) {
  const Conv& c = k.conv;
  const std::size_t out_rows = k.out.height / c.out_depth, in_rows = k.in.height / c.in_depth;
  const std::size_t kernel_rows = c.kernel_height / c.kernel_depth;
  const std::size_t z = y / out_rows * c.stride_z + ky / kernel_rows * c.dilation_z;
  const std::size_t row = y % out_rows * c.stride_y + ky % kernel_rows * c.dilation_y;
  if (z < c.front || z - c.front >= c.in_depth || row < c.top || row - c.top >= in_rows) {
    return {};
  }
  return (z - c.front) * in_rows + row - c.top;
}

FanOut fan_out(const Kernel& k) {
  const Conv& c = k.conv;
  std::vector<std::uint32_t> rows(k.in.height);
  for (std::size_t y = 0; y < k.out.height; ++y) {
    for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
      if (const auto row = input_row(k, y, ky)) {
        ++rows[*row];
      }
    }
  }
  FanOut fan{
      rows, axis_fan_out(k.in.width, k.out.width, c.kernel_width, c.stride_x, c.dilation_x, c.left),
      k.out.channels / c.groups};
  if (!c.uses.empty()) {
    count_uses(k, fan);
  }
  return fan;
}

std::uint64_t dense_operations(const Graph& graph, std::size_t node) {
  const auto* conv = std::get_if<Conv>(&graph.at(node).kind);
  if (const auto* delayed = std::get_if<Delayed>(&graph.at(node).kind)) {
    return delayed->weights.size();
  }
  if (conv == nullptr) {
    return products_of(graph, node);
  }
  const Extent in = graph[graph[node].inputs[0]].shape;
  const FanOut fan = fan_out({*conv, in, graph[node].shape});
  if (!fan.each.empty()) {
    return fan.outputs * std::accumulate(fan.each.begin(), fan.each.end(), std::uint64_t{0});
  }
  std::uint64_t rows = 0, columns = 0;
  for (const auto n : fan.rows) {
    rows += n;
  }
  for (const auto n : fan.columns) {
    columns += n;
  }
  return rows * columns * in.channels * fan.outputs;
}

std::size_t best_block(const Kernel& k, std::size_t element_bytes) {
  // Weights of a block should stay in the first-level cache, and sums in the registers.
  const std::size_t pixel = round_up(k.out.channels, channel_unit);
  const std::size_t row =
      k.conv.kernel_height * k.conv.kernel_width * k.in.channels * element_bytes;
  const bool one_tap = k.conv.kernel_width <= k.conv.stride_x;
  std::size_t block = channel_unit;
  for (const std::size_t larger : {std::size_t{32}, std::size_t{64}}) {
    if (pixel % larger == 0 && (larger * row <= 40960 || one_tap)) {
      block = larger;
    }
  }
  return block;
}

template <class R>
DenseConv<R> dense_conv(const Kernel& k) {
  const Conv& c = k.conv;
  const std::size_t in = k.in.channels / c.groups, out = k.out.channels / c.groups;
  const std::size_t blocks = round_up(out, 16) / 16;
  DenseConv<R> dense{k, {}};
  if (dense.is_depthwise()) {
    const std::size_t size = c.kernel_height * c.kernel_width;
    const std::size_t pixel = round_up(k.out.channels, channel_unit);
    dense.weights.resize(size * pixel);
    for (std::size_t j = 0; j < size * k.out.channels; ++j) {
      dense.weights[j % size * pixel + j / size] = static_cast<R>(c.weights[j]);
    }
    return dense;
  }
  dense.weights.resize(c.groups * blocks * c.kernel_height * c.kernel_width * in * 16);
  R* to = dense.weights.data();
  for (std::size_t g = 0; g < c.groups; ++g) {
    for (std::size_t b = 0; b < blocks; ++b) {
      for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
        for (std::size_t kx = 0; kx < c.kernel_width; ++kx) {
          for (std::size_t i = 0; i < in; ++i) {
            for (std::size_t lane = 0; lane < 16; ++lane, ++to) {
              const std::size_t o = 16 * b + lane;
              *to = o < out ? static_cast<R>(weight_of(k, g * out + o, i, ky, kx)) : R{};
            }
          }
        }
      }
    }
  }
  return dense;
}

bool can_walk(const Kernel& k) {
  const std::size_t reach = (k.conv.kernel_width - 1) * k.conv.dilation_x;
  return k.conv.groups == 1 && (k.out.width == 1 || can_walk_taps(reach / k.conv.stride_x + 1));
}

Kernel paired(const Kernel& k) {
  const Conv& c = k.conv;
  Kernel both = k;
  both.out = {2 * channel_unit, (k.out.height + 1) / 2, k.out.width};
  both.conv.stride_y = 2 * c.stride_y;
  both.conv.dilation_y = 1;
  both.conv.kernel_height = c.stride_y + (c.kernel_height - 1) * c.dilation_y + 1;
  const std::size_t kw = c.kernel_width, in = k.in.channels;
  std::vector<double> weights(2 * channel_unit * in * both.conv.kernel_height * kw);
  for (std::size_t row = 0; row < 2; ++row) {
    for (std::size_t o = 0; o < k.out.channels; ++o) {
      for (std::size_t i = 0; i < in; ++i) {
        for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
          const std::size_t at = row * c.stride_y + ky * c.dilation_y;
          for (std::size_t kx = 0; kx < kw; ++kx) {
            weights[(((row * channel_unit + o) * in + i) * both.conv.kernel_height + at) * kw +
                    kx] = weight_of(k, o, i, ky, kx);
          }
        }
      }
    }
  }
  both.conv.weights = std::move(weights);
  return both;
}

Kernel unpaired(const Kernel& k, std::size_t channels) {
  const Conv& c = k.conv;
  Kernel one = k;
  one.out.channels = channels;
  one.conv.stride_y = c.stride_y / 2;
  one.conv.kernel_height = c.kernel_height - one.conv.stride_y;
  std::vector<double> weights;
  for (std::size_t o = 0; o < channels; ++o) {
    for (std::size_t i = 0; i < k.in.channels; ++i) {
      for (std::size_t ky = 0; ky < one.conv.kernel_height; ++ky) {
        for (std::size_t kx = 0; kx < c.kernel_width; ++kx) {
          weights.push_back(weight_of(k, o, i, ky, kx));
        }
      }
    }
  }
  one.conv.weights = std::move(weights);
  return one;
}

template <class C, class R>
std::vector<double> event_weights(const Kernel& k, std::span<const R> amplitude,
                                  std::span<const R> scale) {
  const std::size_t out = k.out.channels / k.conv.groups, in = k.in.channels / k.conv.groups;
  std::vector<double> weights;
  for (std::size_t o = 0; o < k.out.channels; ++o) {
    for (std::size_t i = 0; i < in; ++i) {
      for (std::size_t ky = 0; ky < k.conv.kernel_height; ++ky) {
        for (std::size_t kx = 0; kx < k.conv.kernel_width; ++kx) {
          weights.push_back(static_cast<double>(
              event_weight<C, R>(k, o, o / out * in + i, ky, kx, amplitude, scale)));
        }
      }
    }
  }
  return weights;
}

template <class C, class R>
EventConv<C> event_conv(Kernel k, std::span<const R> amplitude, std::size_t block,
                        std::span<const R> scale) {
  const std::size_t reach = (k.conv.kernel_width - 1) * k.conv.dilation_x;
  if (k.out.width == 1) {  // the stride is never taken, so make it large: one tap is enough
    k.conv.stride_x = std::max(k.conv.stride_x, reach + 1);
  }
  const Conv& c = k.conv;
  EventConv<C> conv{k, false, {}, {}, 0, {}};
  const std::size_t taps = reach / c.stride_x + 1;
  conv.walked = can_walk(k);
  const std::size_t pixel = round_up(k.out.channels, channel_unit);
  const std::size_t blocks = pixel / block;
  const auto weight = [&](std::size_t o, std::size_t i, std::size_t ky, std::size_t kx) {
    const std::size_t per_group = k.in.channels / c.groups;
    const bool there = o < k.out.channels && o / (k.out.channels / c.groups) == i / per_group;
    return there ? event_weight<C, R>(k, o, i, ky, kx, amplitude, scale) : C{};
  };
  if (!conv.walked) {
    const std::size_t size = c.kernel_height * c.kernel_width;
    const bool depthwise = k.in.channels == c.groups && k.out.channels == c.groups;
    conv.block_size = size * (depthwise ? 1 : k.in.channels) * block;
    conv.weights.resize(blocks * conv.block_size);
    C* to = conv.weights.data();
    for (std::size_t b = 0; b < blocks; ++b) {
      for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
        for (std::size_t kx = 0; kx < c.kernel_width; ++kx) {
          for (std::size_t i = 0; i < (depthwise ? 1 : k.in.channels); ++i) {
            for (std::size_t lane = 0; lane < block; ++lane, ++to) {
              const std::size_t o = b * block + lane;
              *to = weight(o, depthwise ? std::min(o, k.in.channels - 1) : i, ky, kx);
            }
          }
        }
      }
    }
    conv.scatter = {conv.weights.data(),
                    c.stride_x,
                    c.left,
                    c.dilation_x,
                    c.kernel_height,
                    c.kernel_width,
                    k.in.channels / c.groups,
                    k.out.channels / c.groups,
                    0};
    return conv;
  }
  const std::size_t rows_a_word = k.in.channels > 32     ? 1
                                  : k.in.channels > 16   ? 2
                                  : c.kernel_height == 4 ? 4
                                                         : 3;
  const std::size_t parts = (k.in.channels + 63) / 64;
  const std::size_t words = rows_a_word == 1 ? c.kernel_height * parts
                                             : (c.kernel_height + rows_a_word - 1) / rows_a_word;
  const std::size_t phases = std::min(c.stride_x, reach + 1);
  const std::size_t bits_a_row = rows_a_word >= 3 ? 16 : 32;
  const std::size_t row = taps * block;
  const bool fours = std::is_same_v<C, Short> && taps > 1 &&
                     phases * words * rows_of_fours * row * sizeof(C) <= bytes_of_fours;
  const std::size_t rows = fours ? rows_of_fours : rows_of_ones;
  conv.block_size = phases * words * rows * row;
  conv.weights.resize(blocks * conv.block_size);
  for (std::size_t b = 0; b < blocks; ++b) {
    for (std::size_t phase = 0; phase < phases; ++phase) {
      for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
        for (std::size_t i = 0; i < k.in.channels; ++i) {
          const std::size_t word = rows_a_word == 1 ? ky * parts + i / 64 : ky / rows_a_word;
          const std::size_t bit = rows_a_word == 1 ? i % 64 : ky % rows_a_word * bits_a_row + i;
          C* const first =
              conv.weights.data() + b * conv.block_size + (phase * words + word) * rows * row;
          for (std::size_t tap = 0; tap < taps; ++tap) {
            const std::size_t at = phase + tap * c.stride_x;
            if (at % c.dilation_x != 0 || at / c.dilation_x >= c.kernel_width) {
              continue;
            }
            for (std::size_t lane = 0; lane < block; ++lane) {
              const C w = weight(b * block + lane, i, ky, at / c.dilation_x);
              C* const to = first + tap * block + lane;
              if (!fours) {
                to[bit * row] = w;
                continue;
              }
              for (std::size_t spikes = 0; spikes < 16; ++spikes) {
                if (spikes >> bit % 4 & 1) {
                  to[(bit / 4 * 16 + spikes) * row] += w;
                }
              }
            }
          }
        }
      }
    }
  }
  conv.walk = {conv.weights.data(), taps,  phases, words, c.stride_x, c.left,
               rows_a_word,         parts, fours};
  return conv;
}

template DenseConv<float> dense_conv(const Kernel&);
template DenseConv<double> dense_conv(const Kernel&);
#define SPIKELET_EVENT_WEIGHTS(C, R)                                                  \
  template std::vector<double> event_weights<C, R>(const Kernel&, std::span<const R>, \
                                                   std::span<const R>);
SPIKELET_EVENT_WEIGHTS(float, float)
SPIKELET_EVENT_WEIGHTS(double, double)
SPIKELET_EVENT_WEIGHTS(Short, float)
SPIKELET_EVENT_WEIGHTS(Short, double)
#undef SPIKELET_EVENT_WEIGHTS
template EventConv<float> event_conv(Kernel, std::span<const float>, std::size_t,
                                     std::span<const float>);
template EventConv<double> event_conv(Kernel, std::span<const double>, std::size_t,
                                      std::span<const double>);
template EventConv<Short> event_conv(Kernel, std::span<const float>, std::size_t,
                                     std::span<const float>);
template EventConv<Short> event_conv(Kernel, std::span<const double>, std::size_t,
                                     std::span<const double>);

}  // namespace spikelet::layers
