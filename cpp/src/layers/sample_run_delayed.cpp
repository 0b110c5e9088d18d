// Synapses with delays of one sample.
#include <algorithm>

#include "layers/sample_run.hpp"

namespace spikelet::layers {

// Each input that is not 0 adds its weights to the sums of later steps. A sum thus takes earlier
// inputs first, and those of one step in their order.
template <class R>
void SampleRun<R>::arrive_later(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const std::size_t source = plan_.graph[i].inputs[0];
  const std::size_t in = plan_.nodes[source].layout.size();
  const std::size_t pixel = node.layout.pixel, channels = node.layout.channels;
  R* const sums = value(i, 0);  // [steps][pixel]
  for (std::size_t t = 0; t < to_; ++t) {
    if (node.beta.empty()) {
      std::fill_n(sums + t * pixel, pixel, R{});
    } else {
      std::ranges::copy(node.beta, sums + t * pixel);
    }
  }
  for (std::size_t t = 0; t < to_; ++t) {
    const R* x = at(source, t);
    const std::size_t left = to_ - t;  // steps that it may still reach
    R* const now = sums + t * pixel;
    for (std::size_t k = 0; k < in; ++k) {
      if (x[k] == 0) {
        continue;
      }
      const R* weights = node.alpha.data() + k * pixel;
      const std::uint32_t* delays = node.places[0].data() + k * pixel;
      for (std::size_t o = 0; o < channels; ++o) {
        if (delays[o] < left) {
          now[delays[o] * pixel + o] += weights[o] * x[k];
        }
      }
    }
  }
}

template void SampleRun<float>::arrive_later(std::size_t);
template void SampleRun<double>::arrive_later(std::size_t);

}  // namespace spikelet::layers
