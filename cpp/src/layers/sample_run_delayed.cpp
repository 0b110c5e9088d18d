// Delays, and synapses with delays, of one sample.
#include <algorithm>

#include "layers/sample_run.hpp"

namespace spikelet::layers {

template <class R>
void SampleRun<R>::arrive(std::size_t i, const Delay& delay) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  const std::size_t source = plan_.graph[i].inputs[0];
  const std::uint32_t* each = node.places[0].empty() ? nullptr : node.places[0].data();
  if (node.form == Form::sequence) {
    for (std::size_t t = from_; t < to_; ++t) {
      R* out = value(i, t);
      for (std::size_t k = 0; k < l.size(); ++k) {
        const std::size_t d = each == nullptr ? delay.steps[0] : each[k];
        out[k] = t < d ? R{} : at(source, t - d)[k];
      }
    }
    return;
  }
  const std::size_t bytes = l.row_bytes();
  for (std::size_t plane = 0; plane < node.planes; ++plane) {
    for (std::size_t y = 0; y < l.height; ++y) {
      const std::uint8_t* in = row(source, y, 0) + plane * plane_bytes(source);
      std::uint8_t* out = work_[i].bits.data() + plane * plane_bytes(i) + y * steps_ * bytes;
      for (std::size_t t = from_; t < to_; ++t) {
        std::uint8_t* const to = out + t * bytes;
        if (each == nullptr && t >= delay.steps[0]) {
          std::copy_n(in + (t - delay.steps[0]) * bytes, bytes, to);
          continue;
        }
        std::fill_n(to, bytes, std::uint8_t{0});
        for (std::size_t k = 0; each != nullptr && k < l.row(); ++k) {
          const std::size_t d = each[y * l.row() + k];
          if (t >= d) {
            to[k / 8] |= in[(t - d) * bytes + k / 8] & static_cast<std::uint8_t>(1 << k % 8);
          }
        }
      }
    }
  }
}

// Each input that is not 0 adds its weights to the sums of later steps. A sum thus takes earlier
// inputs first, and those of one step in their order.
template <class R>
void SampleRun<R>::arrive_later(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const std::size_t source = plan_.graph[i].inputs[0];
  const std::size_t in = plan_.nodes[source].layout.size();
  const std::size_t pixel = node.layout.pixel, channels = node.layout.channels;
  R* const sums = value(i, 0);  // [steps][pixel]
  for (std::size_t t = 0; from_ == 0 && t < steps_; ++t) {
    if (node.beta.empty()) {
      std::fill_n(sums + t * pixel, pixel, R{});
    } else {
      std::ranges::copy(node.beta, sums + t * pixel);
    }
  }
  for (std::size_t t = from_; t < to_; ++t) {
    const R* x = at(source, t);
    const std::size_t left = steps_ - t;  // steps that it may still reach
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

template void SampleRun<float>::arrive(std::size_t, const Delay&);
template void SampleRun<double>::arrive(std::size_t, const Delay&);
template void SampleRun<float>::arrive_later(std::size_t);
template void SampleRun<double>::arrive_later(std::size_t);

}  // namespace spikelet::layers
