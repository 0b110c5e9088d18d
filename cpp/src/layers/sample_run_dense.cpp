// Layers without neurons: dense operations on one step or on the mean, and pools of spikes.
#include <algorithm>
#include <cmath>
#include <utility>

#include "layers/sample_run.hpp"

namespace spikelet::layers {

namespace {

// out = the greatest, or the mean, of each window.
template <class R, bool Greatest>
void pool(const Windows& rows, const Windows& columns, const Layout& from, const Layout& to,
          const R* in, R* out) {
  for (std::size_t y = 0; y < to.height; ++y) {
    for (std::size_t x = 0; x < to.width; ++x) {
      R* at = out + y * to.row() + x * to.pixel;
      bool first = true;
      for (std::size_t iy = rows.begin[y]; iy < rows.end[y]; iy += rows.step) {
        for (std::size_t ix = columns.begin[x]; ix < columns.end[x];
             ix += columns.step, first = false) {
          const R* pixel = in + iy * from.row() + ix * from.pixel;
          for (std::size_t c = 0; c < to.channels; ++c) {
            if constexpr (Greatest) {
              at[c] = first || pixel[c] > at[c] ? pixel[c] : at[c];
            } else {
              at[c] = first ? pixel[c] : at[c] + pixel[c];
            }
          }
        }
      }
      if constexpr (!Greatest) {
        const R divisor = static_cast<R>(rows.divisor[y] * columns.divisor[x]);
        for (std::size_t c = 0; c < to.channels; ++c) {
          at[c] /= divisor;
        }
      }
    }
  }
}

template <class R>
void upsample(const Upsample& factor, const Layout& to, const Layout& from, const R* in, R* out) {
  for (std::size_t y = 0; y < to.height; ++y) {
    for (std::size_t x = 0; x < to.width; ++x) {
      std::copy_n(in + y / factor.y * from.row() + x / factor.x * from.pixel, to.pixel,
                  out + y * to.row() + x * to.pixel);
    }
  }
}

}  // namespace

template <class R>
void SampleRun<R>::apply(std::size_t i, std::span<const R* const> inputs, R* out) {
  const Node& node = plan_.graph[i];
  const Layout& to = plan_.nodes[i].layout;
  const Layout from(node.inputs.empty() ? node.shape : plan_.graph[node.inputs[0]].shape);
  std::visit(
      Overloaded{
          [&](const Conv& conv) {
            convolve(*plan_.nodes[i].matrix, inputs[0], out);
            for (std::size_t p = 0; !conv.bias.empty() && p < to.height * to.width; ++p) {
              for (std::size_t c = 0; c < to.channels; ++c) {
                out[p * to.pixel + c] += static_cast<R>(conv.bias[c]);
              }
            }
          },
          [&](const AveragePool& p) {
            pool<R, false>(p.rows, p.columns, from, to, inputs[0], out);
          },
          [&](const MaxPool& p) { pool<R, true>(p.rows, p.columns, from, to, inputs[0], out); },
          [&](const Upsample& factor) { upsample(factor, to, from, inputs[0], out); },
          [&](const Add&) {
            std::copy_n(inputs[0], to.size(), out);
            for (std::size_t n = 1; n < inputs.size(); ++n) {
              for (std::size_t k = 0; k < to.size(); ++k) {
                out[k] += inputs[n][k];
              }
            }
          },
          [&](const Concat&) {
            std::size_t first = 0;
            for (std::size_t n = 0; n < inputs.size(); ++n) {
              const Layout part(plan_.graph[node.inputs[n]].shape);
              for (std::size_t p = 0; p < to.height * to.width; ++p) {
                std::copy_n(inputs[n] + p * part.pixel, part.channels, out + p * to.pixel + first);
              }
              first += part.channels;
            }
          },
          [&](const Affine& affine) {
            for (std::size_t p = 0; p < to.height * to.width; ++p) {
              for (std::size_t c = 0; c < to.channels; ++c) {
                const std::size_t k = p * to.pixel + c;
                const NodePlan<R>& plan = plan_.nodes[i];
                out[k] = inputs[0][k] *
                         (plan.alpha.empty() ? static_cast<R>(affine.scale[c]) : plan.alpha[k]);
                if (!affine.shift.empty()) {
                  out[k] += plan.beta.empty() ? static_cast<R>(affine.shift[c]) : plan.beta[k];
                }
              }
            }
          },
          [&](const Relu& relu) {
            for (std::size_t k = 0; k < to.size(); ++k) {
              out[k] = std::max(inputs[0][k], R{});
              const std::size_t c = k % to.pixel;
              if (relu.upper.empty() || c >= to.channels) {
                continue;
              }
              const auto upper = static_cast<R>(relu.upper[relu.upper.size() == 1 ? 0 : c]);
              if (relu.levels > 0) {
                const auto levels = static_cast<R>(relu.levels);
                out[k] = std::floor(out[k] / upper * levels + R(0.5)) / levels * upper;
              }
              out[k] = std::min(out[k], upper);
            }
          },
          [](const Input&) {}, [](const Neuron&) {},
          [&](const auto&) { evaluate(i, inputs, out); }},
      node.kind);
}

template <class R>
void SampleRun<R>::apply_at_each_step(std::size_t i) {
  const Node& node = plan_.graph[i];
  const std::size_t size = plan_.nodes[i].layout.size();
  std::vector<const R*> inputs(node.inputs.size());
  const auto* maximum = std::get_if<MaxPool>(&node.kind);
  if (maximum == nullptr || !maximum->of_counts) {
    const auto [begin, end] = window_of(plan_.nodes[i]);
    bool same = false;  // whether the value of all other steps is there
    for (std::size_t t = from_; t < to_; ++t) {
      const bool changes = t >= begin && t < end;
      if (!changes && std::exchange(same, true)) {
        continue;
      }
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        inputs[k] = at(node.inputs[k], t);
      }
      apply(i, inputs, value(i, t));
    }
    return;
  }
  // The greatest sum so far, less what it was one step before; sums are weighted with sizes.
  const std::size_t in_size = plan_.nodes[node.inputs[0]].layout.size();
  Buffer<R> sums(in_size), greatest(size), before(size);
  inputs[0] = sums.data();
  for (std::size_t t = 0; t < to_; ++t) {
    const R* now = at(node.inputs[0], t);
    for (std::size_t k = 0; k < in_size; ++k) {
      sums[k] += size_of(t) * now[k];
    }
    apply(i, inputs, greatest.data());
    R* const out = value(i, t);
    for (std::size_t k = 0; k < size; ++k) {
      out[k] = (greatest[k] - before[k]) / size_of(t);
    }
    std::swap(greatest, before);
  }
}

template <class R>
void SampleRun<R>::max_of_spikes(std::size_t i) {
  const std::size_t from = plan_.graph[i].inputs[0];
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& to = node.layout;
  const Layout& l = plan_.nodes[from].layout;
  const auto& pool = std::get<MaxPool>(plan_.graph[i].kind);
  if (from_ == 0 || pool.of_counts) {
    std::fill(work_[i].bits.begin(), work_[i].bits.end(), std::uint8_t{0});
  }
  if (!pool.of_counts) {
    for (std::size_t y = 0; y < to.height; ++y) {
      for (std::size_t t = from_; t < to_; ++t) {
        std::uint8_t* out = work_[i].bits.data() + (y * steps_ + t) * to.row_bytes();
        for (std::size_t iy = pool.rows.begin[y]; iy < pool.rows.end[y]; iy += pool.rows.step) {
          const std::uint8_t* in = row(from, iy, t);
          for (std::size_t x = 0; x < to.width; ++x) {
            for (std::size_t ix = pool.columns.begin[x]; ix < pool.columns.end[x];
                 ix += pool.columns.step) {
              for (std::size_t b = 0; b < to.pixel_bytes(); ++b) {
                out[x * to.pixel_bytes() + b] |= in[ix * l.pixel_bytes() + b];
              }
            }
          }
        }
      }
    }
    return;
  }
  PoolRow<R> one{};
  one.row_bytes = l.row_bytes();
  one.pixel_bytes = l.pixel_bytes();
  one.plane_bytes = plane_bytes(from);
  one.planes = node.planes;
  one.begin = pool.columns.begin.data();
  one.end = pool.columns.end.data();
  one.step = pool.columns.step;
  one.width = to.width;
  one.channels = to.pixel;
  one.steps = to_;
  one.sizes = sizes_.data();
  one.gains = node.gains.data();
  one.out_row_bytes = to.row_bytes();
  one.out_plane_bytes = plane_bytes(i);
  std::size_t widest = 0;
  for (std::size_t x = 0; x < to.width; ++x) {
    widest = std::max(widest, pool.columns.end[x] - pool.columns.begin[x]);
  }
  for (std::size_t y = 0; y < to.height; ++y) {
    const std::size_t begin = pool.rows.begin[y], step = pool.rows.step;
    one.row_count = (pool.rows.end[y] - begin + step - 1) / step;
    rows_.resize(std::max(rows_.size(), one.row_count));
    for (std::size_t r = 0; r < one.row_count; ++r) {
      rows_[r] = row(from, begin + r * step, 0);
    }
    one.rows = rows_.data();
    sums_.resize(std::max(sums_.size(), one.row_count * widest * channel_unit));
    one.sums = sums_.data();
    one.out = work_[i].bits.data() + y * steps_ * to.row_bytes();
    kernels_.max_counts(one);
  }
}

template <class R>
void SampleRun<R>::upsample_spikes(std::size_t i) {
  const std::size_t from = plan_.graph[i].inputs[0];
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& to = node.layout;
  const Layout& l = plan_.nodes[from].layout;
  const auto& factor = std::get<Upsample>(plan_.graph[i].kind);
  for (std::size_t plane = 0; plane < node.planes; ++plane) {
    for (std::size_t y = 0; y < to.height; ++y) {
      for (std::size_t t = from_; t < to_; ++t) {
        const std::uint8_t* in = row(from, y / factor.y, t) + plane * plane_bytes(from);
        std::uint8_t* out =
            work_[i].bits.data() + plane * plane_bytes(i) + (y * steps_ + t) * to.row_bytes();
        for (std::size_t x = 0; x < to.width; ++x) {
          std::copy_n(in + x / factor.x * l.pixel_bytes(), to.pixel_bytes(),
                      out + x * to.pixel_bytes());
        }
      }
    }
  }
}

#define SPIKELET_SAMPLE_RUN(R)                                                   \
  template void SampleRun<R>::apply(std::size_t, std::span<const R* const>, R*); \
  template void SampleRun<R>::apply_at_each_step(std::size_t);                   \
  template void SampleRun<R>::max_of_spikes(std::size_t);                        \
  template void SampleRun<R>::upsample_spikes(std::size_t);
SPIKELET_SAMPLE_RUN(float)
SPIKELET_SAMPLE_RUN(double)
#undef SPIKELET_SAMPLE_RUN

}  // namespace spikelet::layers
