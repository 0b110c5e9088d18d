// A convolutional layer of integrate-and-fire neurons that learns by STDP with winner-take-all
// (Kheradpisheh et al. 2018; Mozafari et al. 2019). An image is one wave: every input fires at most
// once, in one of a few time bins, and so does every neuron.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/layers/wave.hpp"

namespace spikelet::layers {

// Neurons share their weights within a map; each sees kernel x kernel positions of the wave.
struct ConvShape {
  std::size_t height, width, channels;  // of the wave, [height][width][channels]
  std::size_t kernel;
  std::size_t maps;

  std::size_t out_height() const { return height - kernel + 1; }
  std::size_t out_width() const { return width - kernel + 1; }
  std::size_t positions() const { return out_height() * out_width(); }
  std::size_t inputs() const { return height * width * channels; }
  std::size_t synapses() const { return kernel * kernel * channels; }
};

// How a winner learns: a synapse grows if its input fired with the neuron or before, and shrinks
// otherwise.
struct ConvRule {
  float a_plus, a_minus;  // >= 0
  bool multiplicative;    // up and down by w (1 - w); else up by 1 - w and down by w
  std::size_t winners;    // an image, at most
  std::size_t radius;     // of a winner's inhibition of other maps, in positions
  float theta_plus;       // homeostasis: a win raises the threshold by this; the mean is kept
  float theta_min;        // > 0
};

// Square windows over the positions, side by side or overlapping.
struct ConvPool {
  std::size_t window, stride;

  std::size_t cells(std::size_t positions) const {
    return positions < window ? 1 : (positions - window) / stride + 1;
  }
};

class ConvStdp {
 public:
  // weights [kernel][kernel][channels][maps] in [0, 1], thresholds [maps] > 0. Sizes that do not
  // agree are a std::invalid_argument, here and below; the caller checks the values.
  ConvStdp(ConvShape shape, std::size_t bins, std::span<const float> weights,
           std::span<const float> thresholds);

  // Learns from waves [n][height][width][channels], one after the other; returns each map's wins.
  std::vector<std::uint32_t> learn(std::span<const Bin> waves, const ConvRule& rule);

  // The earliest spike in each window, the wave that a next layer sees: [n][rows][columns][maps].
  void respond(std::span<const Bin> waves, const ConvPool& pool, int threads,
               std::span<Bin> out) const;

  // The sum in each window of how early the neurons fire: 1 in the first bin, 1 / bins in the last,
  // 0 never. [n][rows][columns][maps].
  void features(std::span<const Bin> waves, const ConvPool& pool, int threads,
                std::span<float> out) const;

  const ConvShape& shape() const { return shape_; }
  std::size_t bins() const { return bins_; }
  std::vector<float> weights() const;
  std::vector<float> thresholds() const;

 private:
  struct Work;
  struct Spike;

  void check(std::span<const Bin> waves) const;
  void spread(const Bin* wave, Work& work) const;
  bool first_spike(std::size_t position, Work& work, Spike& spike) const;
  void choose_winners(Work& work, const ConvRule& rule) const;
  void update(const Bin* wave, const Spike& winner, const ConvRule& rule);
  template <class T, class Pool>
  void pooled(std::span<const Bin> waves, const ConvPool& pool, int threads, std::span<T> out,
              Pool&& add) const;

  ConvShape shape_;
  std::size_t bins_, stride_;           // maps, padded
  Buffer<float> weights_, thresholds_;  // [synapses][stride], [stride]
};

}  // namespace spikelet::layers
