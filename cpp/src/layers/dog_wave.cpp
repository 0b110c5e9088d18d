#include "spikelet/layers/dog_wave.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "spikelet/core/parallel.hpp"

namespace spikelet::layers {
namespace {

// Below the contrast of one grey level at one pixel, above what rounding leaves in a uniform image.
constexpr float faint = 1e-5f;

std::vector<float> gaussian(double sigma, std::size_t radius) {
  std::vector<double> exact;
  double sum = 0;
  for (std::size_t i = 0; i <= 2 * radius; ++i) {
    const double x = (static_cast<double>(i) - static_cast<double>(radius)) / sigma;
    exact.push_back(std::exp(-0.5 * x * x));
    sum += exact.back();
  }
  std::vector<float> kernel;
  for (const double x : exact) {
    kernel.push_back(static_cast<float>(x / sum));
  }
  return kernel;
}

struct Blur {
  std::size_t height, width, radius;
  std::vector<float> padded, rows;

  Blur(std::size_t h, std::size_t w, std::size_t r)
      : height(h), width(w), radius(r), padded(w + 2 * r), rows(h * w) {}

  // out += sign * blurred image; the border pixels are repeated beyond the image.
  void add(const float* image, const std::vector<float>& kernel, float sign, float* out) {
    std::ranges::fill(rows, 0.0f);
    for (std::size_t y = 0; y < height; ++y) {
      const float* line = image + y * width;
      std::fill_n(padded.begin(), radius, line[0]);
      std::copy_n(line, width, padded.data() + radius);
      std::fill_n(padded.data() + radius + width, radius, line[width - 1]);
      for (std::size_t k = 0; k < kernel.size(); ++k) {
        for (std::size_t x = 0; x < width; ++x) {
          rows[y * width + x] += kernel[k] * padded[x + k];
        }
      }
    }
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t k = 0; k < kernel.size(); ++k) {
        const std::size_t from = std::min(y + k < radius ? 0 : y + k - radius, height - 1);
        const float weight = sign * kernel[k];
        for (std::size_t x = 0; x < width; ++x) {
          out[y * width + x] += weight * rows[from * width + x];
        }
      }
    }
  }
};

}  // namespace

void dog_waves(std::span<const float> images, const DogWave& code, int threads,
               std::span<Bin> waves) {
  const auto require = [](bool holds, const char* rule) {
    if (!holds) {
      throw std::invalid_argument(std::string("waves of images: ") + rule);
    }
  };
  constexpr std::size_t most = std::size_t{1} << 31;  // a wave has an index of 32 bits
  require(code.height > 0 && code.width > 0 && code.height <= most && code.width <= most &&
              code.height * code.width < most,
          "images must have 1 to 2^31 - 1 pixels");
  require(code.radius <= std::size_t{1} << 20, "radius must be at most 2^20");
  require(code.bins > 0 && code.bins < silent, "bins must lie in 1 .. 254");
  require(threads > 0, "threads must be at least 1");
  const std::size_t pixels = code.height * code.width, n = images.size() / pixels;
  require(images.size() % pixels == 0 && waves.size() == 2 * images.size(),
          "images must be [n, height, width], and waves [n, height, width, 2]");
  const auto centre = gaussian(code.centre, code.radius);
  const auto surround = gaussian(code.surround, code.radius);
  std::ranges::fill(waves, silent);
  constexpr std::size_t chunk = 64;
  parallel_for(threads, (n + chunk - 1) / chunk, [&](std::size_t part) {
    Blur blur(code.height, code.width, code.radius);
    std::vector<float> contrast(pixels);
    std::vector<std::pair<float, std::uint32_t>> spikes;  // minus the strength: strongest first
    for (std::size_t i = part * chunk; i < std::min(n, (part + 1) * chunk); ++i) {
      std::ranges::fill(contrast, 0.0f);
      blur.add(images.data() + i * pixels, centre, 1.0f, contrast.data());
      blur.add(images.data() + i * pixels, surround, -1.0f, contrast.data());
      float strongest = 0.0f;
      for (const float c : contrast) {
        strongest = std::max(strongest, std::abs(c));
      }
      const float least = std::max(faint, code.cut * strongest);
      spikes.clear();
      for (std::size_t p = 0; p < pixels; ++p) {
        if (std::abs(contrast[p]) > least) {
          spikes.emplace_back(-std::abs(contrast[p]),
                              static_cast<std::uint32_t>(2 * p + (contrast[p] < 0)));
        }
      }
      std::ranges::sort(spikes);
      Bin* wave = waves.data() + i * 2 * pixels;
      for (std::size_t rank = 0; rank < spikes.size(); ++rank) {
        wave[spikes[rank].second] = static_cast<Bin>(rank * code.bins / spikes.size());
      }
    }
  });
}

}  // namespace spikelet::layers
