// How long does the addition of a weight take in a convolution of spikes (3x3, 16 steps), for each
// share of active inputs, compared with the dense convolution of the same layer? An element is a
// synaptic operation; the dense convolution counts as if all inputs were active. The column walk
// has fewer operations at real activity, so it pays off while it takes less time than the dense
// one.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "layers/kernels.hpp"
#include "layers/plan.hpp"
#include "spikelet/core/random.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp

namespace {

using namespace spikelet;
using namespace spikelet::layers;

constexpr std::size_t steps = 16;

Kernel layer(std::size_t channels, std::size_t size) {
  Conv conv;
  conv.kernel_height = conv.kernel_width = 3;
  conv.top = conv.left = 1;
  const Stream stream(1, Purpose::values, 0);
  std::vector<double> weights;
  for (std::size_t i = 0; i < 9 * channels * channels; ++i) {
    weights.push_back(uniform(stream.words(i, 0)[0]) - 0.5);
  }
  conv.weights = std::move(weights);
  const Extent extent{channels, size, size};
  return {conv, extent, extent};
}

// [y][t][x][channels] bits, a fraction `share` of which are set.
std::vector<std::uint8_t> spikes(const Layout& l, double share) {
  std::vector<std::uint8_t> bits(l.height * steps * l.row_bytes() + 8);
  const Stream stream(1, Purpose::values, 1);
  for (std::size_t i = 0; i < bits.size() - 8; ++i) {
    for (std::size_t b = 0; b < 8; ++b) {
      const bool set = uniform(stream.words(8 * i + b, 0)[0]) < share;
      bits[i] |= static_cast<std::uint8_t>(set << b);
    }
  }
  return bits;
}

template <class C>
void column_walk(benchmark::State& state, SimdLevel level, std::size_t channels, std::size_t size,
                 double share) {
  const Kernel kernel = layer(channels, size);
  const Layout l(kernel.in);
  const std::size_t block = best_block(kernel, sizeof(C));
  const Buffer<float> ones(l.pixel, 1.0f), scale(l.pixel, 500.0f);
  const EventConv<C> conv = event_conv<C, float>(
      kernel, std::span<const float>(ones), block,
      sizeof(C) == 2 ? std::span<const float>(scale) : std::span<const float>{});
  const auto bits = spikes(l, share);
  const std::vector<std::uint8_t> nothing(steps * l.row_bytes() + 8);
  Buffer<C> out(steps * l.width * block);
  std::vector<std::uint64_t> packed(steps * conv.walk.words * l.width);
  const auto& kernels = level_table(level).layers32;
  for (auto _ : state) {
    for (std::size_t b = 0; b < l.pixel / block; ++b) {
      ColumnWalk<C> walk = conv.walk;
      walk.weights = conv.weights.data() + b * conv.block_size;
      walk.packed = packed.data();
      for (std::size_t y = 0; y < l.height; ++y) {
        const std::uint8_t* rows[6];
        std::fill(std::begin(rows), std::end(rows), nothing.data());
        for (std::size_t ky = 0; ky < 3; ++ky) {
          if (y + ky >= 1 && y + ky - 1 < l.height) {
            rows[ky] = bits.data() + (y + ky - 1) * steps * l.row_bytes();
          }
        }
        const SpikeRows in{rows, l.row_bytes(), l.pixel_bytes(), l.width, l.channels};
        const Currents<C> to{out.data(), steps, l.width, block, block};
        if constexpr (sizeof(C) == 2) {
          kernels.whole.walk(walk, in, 1, false, to);
        } else {
          kernels.real.walk(walk, in, 1.0f, false, to);
        }
        benchmark::DoNotOptimize(out.data());
      }
    }
  }
  report(state, share * 9.0 * static_cast<double>(steps * channels * channels * size * size), 0);
}

void dense(benchmark::State& state, SimdLevel level, std::size_t channels, std::size_t size) {
  const Kernel kernel = layer(channels, size);
  const Layout l(kernel.in);
  const DenseConv<float> conv = dense_conv<float>(kernel);
  const std::size_t width = size + 2;
  const Buffer<float> padded((size + 2) * width * l.pixel, 0.5f);
  Buffer<float> out(l.size());
  const auto& kernels = level_table(level).layers32;
  for (auto _ : state) {
    for (std::size_t t = 0; t < steps; ++t) {
      for (std::size_t b = 0; b < l.pixel / 16; ++b) {
        for (std::size_t y = 0; y < size; ++y) {
          const DenseRow<float> row{conv.weights.data() + b * 9 * channels * 16,
                                    padded.data() + y * width * l.pixel,
                                    width * l.pixel,
                                    l.pixel,
                                    channels,
                                    1,
                                    1,
                                    1,
                                    3,
                                    3,
                                    size};
          kernels.dense(row, out.data() + y * l.row() + 16 * b, l.pixel);
        }
      }
    }
    benchmark::DoNotOptimize(out.data());
  }
  report(state, 9.0 * static_cast<double>(steps * channels * channels * size * size), 0);
}

[[maybe_unused]] const bool registered = [] {
  for (const SimdLevel level : available_simd_levels()) {
    for (const auto& [channels, size] :
         {std::pair<std::size_t, std::size_t>{16, 32}, {32, 16}, {64, 8}}) {
      const std::string where = "layers/" + std::string(to_string(level)) + "/" +
                                std::to_string(channels) + "x" + std::to_string(size);
      const auto add = [&](const std::string& name, auto&& f) {
        benchmark::RegisterBenchmark((where + "/" + name).c_str(), f);
      };
      add("dense", [=](benchmark::State& s) { dense(s, level, channels, size); });
      for (const int percent : {5, 10, 20, 50, 100}) {
        const double share = percent / 100.0;
        add("float/" + std::to_string(percent),
            [=](benchmark::State& s) { column_walk<float>(s, level, channels, size, share); });
        add("int16/" + std::to_string(percent),
            [=](benchmark::State& s) { column_walk<Short>(s, level, channels, size, share); });
      }
    }
  }
  return true;
}();

}  // namespace
