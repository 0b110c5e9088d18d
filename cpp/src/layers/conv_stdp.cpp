#include "spikelet/layers/conv_stdp.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "layers/kernels.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::layers {

namespace {

void require(bool holds, const char* rule) {
  if (!holds) {
    throw std::invalid_argument(std::string("convolution of waves: ") + rule);
  }
}

// The shape, after checks that none of its products overflows, nor the bits of a spike.
ConvShape checked(const ConvShape& s, std::size_t bins, std::size_t weights,
                  std::size_t thresholds) {
  constexpr std::size_t most_inputs = std::size_t{1} << 32;
  require(bins > 0 && bins < silent, "bins must lie in 1 .. 254");
  for (const std::size_t n : {s.height, s.width, s.channels, s.kernel, s.maps}) {
    require(n > 0 && n < most_inputs, "sizes must be at least 1");
  }
  require(s.kernel <= std::min(s.height, s.width),
          "a wave must be at least as high and wide as the kernel");
  require(s.height <= most_inputs / s.width && s.channels < most_inputs / (s.height * s.width),
          "a wave must have fewer than 2^32 inputs");
  require(s.synapses() <= row_mask, "a neuron must have fewer than 2^24 synapses");
  require(weights % s.synapses() == 0 && weights / s.synapses() == s.maps,
          "weights must be [kernel, kernel, channels, maps]");
  require(thresholds == s.maps, "thresholds must be [maps]");
  return s;
}

}  // namespace

struct ConvStdp::Spike {
  Bin bin;
  float excess;  // of the potential over the threshold
  std::size_t map, y, x;

  bool before(const Spike& other) const {
    return bin != other.bin ? bin < other.bin : excess > other.excess;
  }
};

// Scratch memory of one image, reused for the next.
struct ConvStdp::Work {
  explicit Work(const ConvStdp& layer)
      : order(layer.shape_.inputs()),
        starts(layer.bins_ + 1),
        lists(layer.shape_.positions() * layer.shape_.synapses()),
        lengths(layer.shape_.positions()),
        volleys(layer.bins_),
        potential(layer.stride_),
        lead(layer.stride_) {}

  std::vector<std::uint32_t> order;    // inputs that fire, earliest first
  std::vector<std::uint32_t> starts;   // by bin
  std::vector<std::uint32_t> lists;    // by position: its input spikes, earliest first
  std::vector<std::uint32_t> lengths;  // by position
  std::vector<Volley> volleys;
  Buffer<float> potential;
  Buffer<std::int32_t> lead;
  std::vector<Spike> spikes, winners;
};

ConvStdp::ConvStdp(ConvShape shape, std::size_t bins, std::span<const float> weights,
                   std::span<const float> thresholds)
    : shape_(checked(shape, bins, weights.size(), thresholds.size())),
      bins_(bins),
      stride_(round_up(shape.maps, map_block)),
      weights_(shape.synapses() * stride_),
      thresholds_(stride_) {
  // Padding maps never fire.
  std::ranges::fill(thresholds_, std::numeric_limits<float>::infinity());
  std::ranges::copy(thresholds, thresholds_.begin());
  for (std::size_t s = 0; s < shape_.synapses(); ++s) {
    std::ranges::copy(weights.subspan(s * shape_.maps, shape_.maps), &weights_[s * stride_]);
  }
}

void ConvStdp::check(std::span<const Bin> waves) const {
  require(waves.size() % shape_.inputs() == 0, "waves must be [n, height, width, channels]");
}

std::vector<float> ConvStdp::weights() const {
  std::vector<float> out;
  for (std::size_t s = 0; s < shape_.synapses(); ++s) {
    const float* row = &weights_[s * stride_];
    out.insert(out.end(), row, row + shape_.maps);
  }
  return out;
}

std::vector<float> ConvStdp::thresholds() const {
  return {thresholds_.data(), thresholds_.data() + shape_.maps};
}

// Distributes the spikes of a wave, in order of time, to the positions that see them.
void ConvStdp::spread(const Bin* wave, Work& work) const {
  const ConvShape& s = shape_;
  std::ranges::fill(work.starts, 0u);
  for (std::size_t i = 0; i < s.inputs(); ++i) {
    if (wave[i] < bins_) {
      ++work.starts[wave[i] + 1u];
    }
  }
  for (std::size_t b = 0; b < bins_; ++b) {
    work.starts[b + 1] += work.starts[b];
  }
  const std::size_t n = work.starts[bins_];
  for (std::size_t i = 0; i < s.inputs(); ++i) {
    if (wave[i] < bins_) {
      work.order[work.starts[wave[i]]++] = static_cast<std::uint32_t>(i);
    }
  }
  std::ranges::fill(work.lengths, 0u);
  for (std::size_t k = 0; k < n; ++k) {
    const std::size_t i = work.order[k], channel = i % s.channels;
    const std::size_t y = i / s.channels / s.width, x = i / s.channels % s.width;
    const auto bin = static_cast<std::uint32_t>(wave[i]) << bin_shift;
    const std::size_t top = y < s.kernel ? 0 : y - s.kernel + 1;
    const std::size_t left = x < s.kernel ? 0 : x - s.kernel + 1;
    for (std::size_t py = top; py < std::min(y + 1, s.out_height()); ++py) {
      for (std::size_t px = left; px < std::min(x + 1, s.out_width()); ++px) {
        const std::size_t position = py * s.out_width() + px;
        const std::size_t synapse = ((y - py) * s.kernel + x - px) * s.channels + channel;
        work.lists[position * s.synapses() + work.lengths[position]++] =
            bin | static_cast<std::uint32_t>(synapse);
      }
    }
  }
}

// The neuron that fires first at a position inhibits all others there; if several do at once, the
// one whose potential exceeds its threshold most, then the lowest map.
bool ConvStdp::first_spike(std::size_t position, Work& work, Spike& spike) const {
  const std::size_t length = work.lengths[position];
  const std::uint32_t* list = &work.lists[position * shape_.synapses()];
  float* v = work.potential.data();
  std::fill_n(v, stride_, 0.0f);
  for (std::size_t begin = 0, end = 0; begin < length; begin = end) {
    const std::uint32_t bin = list[begin] >> bin_shift;
    while (end < length && list[end] >> bin_shift == bin) {
      ++end;
    }
    if (wave_kernels().integrate(v, stride_, weights_.data(), list + begin, end - begin,
                                 thresholds_.data())) {
      std::size_t best = 0;
      for (std::size_t map = 1; map < shape_.maps; ++map) {
        best = v[map] - thresholds_[map] > v[best] - thresholds_[best] ? map : best;
      }
      spike = {static_cast<Bin>(bin), v[best] - thresholds_[best], best,
               position / shape_.out_width(), position % shape_.out_width()};
      return true;
    }
  }
  return false;
}

// A winner inhibits its own map everywhere and the others nearby.
void ConvStdp::choose_winners(Work& work, const ConvRule& rule) const {
  const auto distance = [](std::size_t a, std::size_t b) { return a < b ? b - a : a - b; };
  std::ranges::stable_sort(work.spikes, &Spike::before);
  work.winners.clear();
  for (const Spike& spike : work.spikes) {
    const bool inhibited = std::ranges::any_of(work.winners, [&](const Spike& winner) {
      return winner.map == spike.map ||
             std::max(distance(winner.y, spike.y), distance(winner.x, spike.x)) <= rule.radius;
    });
    if (!inhibited) {
      work.winners.push_back(spike);
    }
    if (work.winners.size() == rule.winners) {
      break;
    }
  }
}

void ConvStdp::update(const Bin* wave, const Spike& winner, const ConvRule& rule) {
  float* w = &weights_[winner.map];
  for (std::size_t y = 0; y < shape_.kernel; ++y) {
    const std::size_t line = (winner.y + y) * shape_.width + winner.x;
    const Bin* pre = wave + line * shape_.channels;
    for (std::size_t i = 0; i < shape_.kernel * shape_.channels; ++i, w += stride_) {
      if (pre[i] <= winner.bin) {
        *w += rule.a_plus * (rule.multiplicative ? *w * (1.0f - *w) : 1.0f - *w);
      } else {
        *w -= rule.a_minus * (rule.multiplicative ? *w * (1.0f - *w) : *w);
      }
      *w = std::clamp(*w, 0.0f, 1.0f);
    }
  }
}

std::vector<std::uint32_t> ConvStdp::learn(std::span<const Bin> waves, const ConvRule& rule) {
  check(waves);
  std::vector<std::uint32_t> wins(shape_.maps);
  Work work(*this);
  for (std::size_t at = 0; at < waves.size(); at += shape_.inputs()) {
    const Bin* wave = &waves[at];
    spread(wave, work);
    work.spikes.clear();
    Spike spike{};
    for (std::size_t position = 0; position < shape_.positions(); ++position) {
      if (first_spike(position, work, spike)) {
        work.spikes.push_back(spike);
      }
    }
    choose_winners(work, rule);
    for (const Spike& winner : work.winners) {
      update(wave, winner, rule);
      ++wins[winner.map];
      thresholds_[winner.map] += rule.theta_plus;
    }
    const float share = static_cast<float>(work.winners.size()) / static_cast<float>(shape_.maps);
    for (std::size_t map = 0; map < shape_.maps; ++map) {
      thresholds_[map] = std::max(rule.theta_min, thresholds_[map] - rule.theta_plus * share);
    }
  }
  return wins;
}

// Calls add(out, lead) for every position and each window that contains it: `out` are the window's
// maps, `lead` is how many bins before the end of the wave the position's neurons fire.
template <class T, class Pool>
void ConvStdp::pooled(std::span<const Bin> waves, const ConvPool& pool, int threads,
                      std::span<T> out, Pool&& add) const {
  const ConvShape& s = shape_;
  check(waves);
  require(pool.window > 0 && pool.stride > 0, "window and stride must be at least 1");
  require(threads > 0, "threads must be at least 1");
  const std::size_t n = waves.size() / s.inputs();
  const std::size_t rows = pool.cells(s.out_height()), columns = pool.cells(s.out_width());
  require(out.size() == n * rows * columns * s.maps, "out must be [n, rows, columns, maps]");
  // Which of the windows along an axis hold position p.
  const auto first = [&](std::size_t p) {
    return p < pool.window ? 0 : (p - pool.window) / pool.stride + 1;
  };
  const auto last = [&](std::size_t p, std::size_t cells) {
    return std::min(cells, p / pool.stride + 1);
  };
  constexpr std::size_t chunk = 16;
  parallel_for(threads, (n + chunk - 1) / chunk, [&](std::size_t part) {
    Work work(*this);
    for (std::size_t i = part * chunk; i < std::min(n, (part + 1) * chunk); ++i) {
      spread(&waves[i * s.inputs()], work);
      T* image = &out[i * rows * columns * s.maps];
      for (std::size_t position = 0; position < s.positions(); ++position) {
        const std::size_t length = work.lengths[position];
        if (length == 0) {
          continue;
        }
        const std::uint32_t* list = &work.lists[position * s.synapses()];
        std::size_t count = 0;
        for (std::uint32_t end = 1; end <= length; ++end) {
          const std::size_t bin = list[end - 1] >> bin_shift;
          const std::size_t next = end == length ? bins_ : list[end] >> bin_shift;
          if (next != bin) {
            work.volleys[count++] = {end, static_cast<std::int32_t>(next - bin)};
          }
        }
        wave_kernels().respond(stride_, weights_.data(), list, work.volleys.data(), count,
                               thresholds_.data(), work.lead.data());
        const std::size_t y = position / s.out_width(), x = position % s.out_width();
        for (std::size_t r = first(y); r < last(y, rows); ++r) {
          for (std::size_t c = first(x); c < last(x, columns); ++c) {
            add(image + (r * columns + c) * s.maps, work.lead.data());
          }
        }
      }
    }
  });
}

void ConvStdp::respond(std::span<const Bin> waves, const ConvPool& pool, int threads,
                       std::span<Bin> out) const {
  std::ranges::fill(out, silent);
  pooled(waves, pool, threads, out, [&](Bin* bins, const std::int32_t* lead) {
    for (std::size_t map = 0; map < shape_.maps; ++map) {
      const auto bin = static_cast<Bin>(static_cast<std::int32_t>(bins_) - lead[map]);
      bins[map] = lead[map] > 0 ? std::min(bins[map], bin) : bins[map];
    }
  });
}

void ConvStdp::features(std::span<const Bin> waves, const ConvPool& pool, int threads,
                        std::span<float> out) const {
  std::ranges::fill(out, 0.0f);
  pooled(waves, pool, threads, out, [&](float* sums, const std::int32_t* lead) {
    wave_kernels().add_leads(lead, shape_.maps, sums);
  });
  // The sums are of integers, hence exact in any order.
  for (float& sum : out) {
    sum /= static_cast<float>(bins_);
  }
}

}  // namespace spikelet::layers
