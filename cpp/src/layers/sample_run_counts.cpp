// Operation counts of one sample: spikes sent, weights added for them, products.
#include <algorithm>
#include <bit>
#include <cstring>

#include "layers/sample_run.hpp"
#include "spikelet/layers/graded.hpp"

namespace spikelet::layers {
namespace {

// The number of bits that are set in both.
std::uint64_t common(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += 8) {
    const std::size_t n = std::min<std::size_t>(8, bytes - i);
    std::uint64_t words[2]{};
    std::memcpy(&words[0], a + i, n);
    std::memcpy(&words[1], b + i, n);
    sum += static_cast<std::uint64_t>(std::popcount(words[0] & words[1]));
  }
  return sum;
}

}  // namespace

template <class R>
void SampleRun<R>::count(std::span<NodeCounts> counts) const {
  const auto popcount = kernels_.population;
  // Spikes of each row, of all steps.
  std::vector<std::vector<std::uint64_t>> row_totals(plan_.nodes.size());
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const NodePlan<R>& node = plan_.nodes[i];
    if (node.form == Form::spikes) {
      const std::size_t bytes = node.layout.row_bytes();
      const auto [begin, end] = run_of(node);
      for (std::size_t k = 0; k < node.planes * node.layout.height; ++k) {
        const std::uint8_t* p = work_[i].bits.data() + (k * steps_ + begin) * bytes;
        row_totals[i].push_back(popcount(p, (end - begin) * bytes, 0, 1));
        counts[i].spikes += row_totals[i].back();
      }
    }
  }
  const auto spikes_seen = [&](const FanOut& fan, std::size_t source) {
    const NodePlan<R>& node = plan_.nodes[source];
    const Layout& l = node.layout;
    const auto& totals = row_totals[source];
    const auto [begin, end] = run_of(node);
    std::uint64_t sum = 0;
    if (!fan.each.empty()) {
      const std::size_t bytes = l.row_bytes();
      for (std::size_t k = 0; k < node.planes * l.height; ++k) {
        const std::uint8_t* p = work_[source].bits.data() + k * steps_ * bytes;
        for (std::size_t t = begin; t < end; ++t) {
          for (std::size_t bit = 0; bit < fan.bits.size(); ++bit) {
            sum += common(p + t * bytes, fan.bits[bit].data() + k % l.height * bytes, bytes) << bit;
          }
        }
      }
      return sum * fan.outputs;
    }
    // Most columns are seen by equally many outputs; the others are counted by themselves.
    const std::uint32_t most = fan.columns[l.width / 2];
    for (std::size_t plane = 0; plane < node.planes; ++plane) {
      for (std::size_t y = 0; y < l.height; ++y) {
        const std::uint8_t* p = row(source, y, begin) + plane * plane_bytes(source);
        auto seen = static_cast<std::int64_t>(most * totals[plane * l.height + y]);
        for (std::size_t x = 0; x < l.width; ++x) {
          const auto more = static_cast<std::int64_t>(fan.columns[x]) - most;
          if (more != 0) {
            seen +=
                more * static_cast<std::int64_t>(popcount(p + x * l.pixel_bytes(), l.pixel_bytes(),
                                                          l.row_bytes(), end - begin));
          }
        }
        sum += static_cast<std::uint64_t>(seen) * fan.rows[y];
      }
    }
    return sum * fan.outputs;
  };
  const auto values_seen = [&](const FanOut& fan, const Layout& l, const R* in) {
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < fan.each.size(); ++k) {
      sum += in[k] != 0 ? fan.each[k] : 0;
    }
    for (std::size_t y = 0; fan.each.empty() && y < l.height; ++y) {
      for (std::size_t x = 0; x < l.width; ++x) {
        const R* pixel = in + y * l.row() + x * l.pixel;
        const auto active = static_cast<std::uint64_t>(
            std::count_if(pixel, pixel + l.channels, [](R v) { return v != 0; }));
        sum += active * fan.rows[y] * fan.columns[x];
      }
    }
    return sum * fan.outputs;
  };
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const NodePlan<R>& node = plan_.nodes[i];
    // A graded unit whose input is constant, or of which only the mean is needed, works once.
    const bool once = node.form != Form::spikes && work_[i].sequence.empty();
    counts[i].products += products_of(plan_.graph, i) * (once ? 1 : to_);
    for (const auto& [fan, source] : node.counted) {
      const NodePlan<R>& from = plan_.nodes[source];
      if (from.form == Form::spikes) {
        counts[i].additions += spikes_seen(fan, source);
      } else if (from.form == Form::constant) {
        counts[i].products += to_ * values_seen(fan, from.layout, work_[source].dense.data());
      } else if (!work_[source].sequence.empty()) {
        for (std::size_t t = 0; t < to_; ++t) {
          counts[i].products += values_seen(fan, from.layout, at(source, t));
        }
      } else if (!work_[source].dense.empty()) {
        counts[i].products += to_ * values_seen(fan, from.layout, work_[source].dense.data());
      }
    }
  }
}

template void SampleRun<float>::count(std::span<NodeCounts>) const;
template void SampleRun<double>::count(std::span<NodeCounts>) const;

}  // namespace spikelet::layers
