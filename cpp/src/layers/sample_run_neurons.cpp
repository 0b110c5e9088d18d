// The input of neurons and of sums, row by row, and the neurons' steps.
#include <algorithm>

#include "layers/sample_run.hpp"

namespace spikelet::layers {
namespace {

constexpr std::size_t current_bytes = 24 << 10;  // of one kernel call: they stay in the cache

}  // namespace

// The constant part of a sum, which is added to the currents of each step. stride is from one pixel
// to the next, 0 if all pixels are alike.
template <class R>
const R* SampleRun<R>::base_of(const Sum<R>& sum, const Layout& layout, std::size_t& stride) {
  if (sum.constants.empty() && sum.folded.empty()) {
    stride = 0;
    return sum.bias.empty() ? nullptr : sum.bias.data();
  }
  stride = layout.pixel;
  base_.assign(layout.size(), R{});
  const auto add = [&](const R* values) {
    for (std::size_t k = 0; k < layout.size(); ++k) {
      base_[k] += values[k];
    }
  };
  for (const std::size_t from : sum.constants) {
    add(work_[from].dense.data());
  }
  Buffer<R> result(layout.size());
  for (const auto& [conv, from] : sum.folded) {
    convolve(conv, work_[from].dense.data(), result.data());
    add(result.data());
  }
  if (!sum.bias.empty()) {
    for (std::size_t k = 0; k < layout.size(); ++k) {
      base_[k] += sum.bias[k % layout.pixel];
    }
  }
  return base_.data();
}

template <class R>
void SampleRun<R>::add_sequence(std::size_t source, std::size_t y, std::size_t first_channel,
                                std::size_t first, bool add, const Currents<R>& out) {
  const Layout& l = plan_.nodes[source].layout;
  for (std::size_t t = 0; t < out.steps; ++t) {
    const R* from = at(source, first + t) + y * l.row() + first_channel;
    for (std::size_t x = 0; x < out.width; ++x) {
      R* to = out.at + t * out.step() + x * out.pixel;
      for (std::size_t c = 0; c < out.block; ++c) {
        to[c] = add ? to[c] + from[x * l.pixel + c] : from[x * l.pixel + c];
      }
    }
  }
}

template <class R>
template <class C>
void SampleRun<R>::add_spikes(const Term<C>& term, std::size_t y, std::size_t first_channel,
                              std::size_t first, bool add, const Currents<C>& out) {
  const NodePlan<R>& source = plan_.nodes[term.source];
  const Layout& l = source.layout;
  for (std::size_t plane = 0; plane < source.planes; ++plane, add = true) {
    const C gain = static_cast<C>(plane_gain<R>(plane, source.planes));
    const std::size_t offset = plane * plane_bytes(term.source);
    const SpikeRows in{rows_.data(), l.row_bytes(), l.pixel_bytes(), l.width, l.channels};
    if (term.kind == Term<C>::Kind::copy) {
      rows_[0] = row(term.source, y, first) + offset + first_channel / 8;
      const C* weight = term.weight.data() + first_channel;
      if constexpr (std::is_same_v<C, R>) {
        kernels_.copy(weight, in, gain, add, out);
      } else {
        kernels_.copy16(weight, in, gain, add, out);
      }
      continue;
    }
    const EventConv<C>& conv = *term.conv;
    const Conv& c = conv.kernel.conv;
    for (std::size_t ky = 0; !c.is_flat() && ky < c.kernel_height; ++ky) {
      const auto seen = input_row(conv.kernel, y, ky);
      rows_[ky] = seen ? row(term.source, *seen, first) + offset : nothing_.data();
    }
    for (std::size_t ky = 0; c.is_flat() && ky < c.kernel_height; ++ky) {
      const std::size_t iy = y * c.stride_y + ky * c.dilation_y;
      rows_[ky] = iy >= c.top && iy - c.top < l.height
                      ? row(term.source, iy - c.top, first) + offset
                      : nothing_.data();
    }
    std::fill(rows_.begin() + static_cast<std::ptrdiff_t>(c.kernel_height), rows_.end(),
              nothing_.data());
    const C* weights = conv.weights.data() + first_channel / out.block * conv.block_size;
    if (conv.walked) {
      ColumnWalk<C> walk = conv.walk;
      walk.weights = weights;
      packed_.resize(std::max(packed_.size(), out.steps * walk.words * l.width));
      walk.packed = packed_.data();
      if constexpr (std::is_same_v<C, R>) {
        kernels_.walk(walk, in, gain, add, out);
      } else {
        kernels_.walk16(walk, in, gain, add, out);
      }
    } else if constexpr (std::is_same_v<C, R>) {
      Scatter<R> scatter = conv.scatter;
      scatter.weights = weights;
      scatter.first_out = first_channel;
      kernels_.scatter(scatter, in, gain, add, out);
    }
  }
}

template <class R>
void SampleRun<R>::add_terms(const Sum<R>& sum, std::size_t, std::size_t y,
                             std::size_t first_channel, std::size_t first,
                             const Currents<R>& currents) {
  bool any = false;
  // Input of senders with differential codes comes first, because it is decoded as a whole.
  for (const bool differential : {true, false}) {
    for (const Term<R>& term : sum.terms) {
      const bool sequence = term.kind == Term<R>::Kind::sequence;
      if ((!sequence && plan_.nodes[term.source].differential) != differential) {
        continue;
      }
      if (sequence) {
        add_sequence(term.source, y, first_channel, first, any, currents);
      } else {
        add_spikes(term, y, first_channel, first, any, currents);
      }
      any = true;
    }
    if (differential && any) {
      kernels_.undifference(arrived_.data(), first, currents);
    }
  }
  if (!any) {
    std::fill_n(currents.at, currents.steps * currents.step(), R{});
  }
}

template <class R>
void SampleRun<R>::add_terms(const Sum<R>& sum, std::size_t i, std::size_t y,
                             std::size_t first_channel, std::size_t first,
                             const Currents<Short>& currents) {
  const NodePlan<R>& node = plan_.nodes[i];
  bool any = false;
  for (const Term<Short>& term : sum.short_terms) {
    if (term.kind == Term<Short>::Kind::events || node.rows == 1) {
      add_spikes(term, y, first_channel, first, any, currents);
    } else {
      for (std::size_t row = 0; row < node.rows; ++row) {
        const std::size_t at = node.rows * y + row;
        const Currents<Short> part{currents.at + row * channel_unit, currents.steps, currents.width,
                                   channel_unit, currents.pixel};
        if (at < node.layout.height) {
          add_spikes(term, at, 0, first, any, part);
        } else if (!any) {
          for (std::size_t k = 0; k < part.steps * part.width; ++k) {
            std::fill_n(part.at + k * part.pixel, channel_unit, Short{});
          }
        }
      }
    }
    any = true;
  }
}

// Calls row(first channel, y, first step, currents) for all blocks of channels, rows and steps. If
// several rows are computed together, y counts groups of rows.
template <class R>
template <class C, class Row>
void SampleRun<R>::rows_of(std::size_t i, const Sum<R>& sum, Row&& row) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  const std::size_t block = node.block, size = l.width * block;
  const std::size_t slice =
      std::min(steps_, std::max<std::size_t>(4, current_bytes / (size * sizeof(C)) / 4 * 4));
  C* at = nullptr;
  const auto room = [&](auto& buffer) {
    buffer.resize(std::max(buffer.size(), slice * size));
    return buffer.data();
  };
  if constexpr (std::is_same_v<C, R>) {
    at = room(currents_);
  } else {
    at = room(short_currents_);
  }
  arrived_.resize(std::max(arrived_.size(), size));
  const std::size_t rows = (l.height + node.rows - 1) / node.rows;
  for (std::size_t c = 0; c < l.pixel * node.rows; c += block) {
    for (std::size_t y = 0; y < rows; ++y) {
      std::fill_n(arrived_.begin(), size, R{});
      for (std::size_t first = 0; first < steps_; first += slice) {
        const Currents<C> currents{at, std::min(slice, steps_ - first), l.width, block, block};
        add_terms(sum, i, y, c, first, currents);
        row(c, y, first, currents);
      }
    }
  }
}

template <class R>
void SampleRun<R>::neuron(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Neuron& what = std::get<Neuron>(plan_.graph[i].kind);
  const bool sized = !plan_.sizes.empty() || !node.ceiling.empty();
  const bool follows = what.activation.has_value();
  const bool pair = what.is_signed && !node.pace.empty();
  if (node.scale.empty()) {
    neuron_rows<R>(i, follows              ? kernels_.following
                      : pair                 ? kernels_.pair
                      : sized              ? kernels_.sized
                      : !node.pace.empty() ? kernels_.predictive
                      : what.differential  ? kernels_.differential
                      : what.is_signed     ? kernels_.graded
                      : what.hard          ? kernels_.zero
                                           : kernels_.subtract);
    return;
  }
  neuron_rows<Short>(i, follows              ? kernels_.following16
                        : pair                 ? kernels_.pair16
                        : sized              ? kernels_.sized16
                        : !node.pace.empty() ? kernels_.predictive16
                        : what.hard          ? kernels_.zero16
                                             : kernels_.subtract16);
  if (node.potential && node.pace.empty()) {
    for (std::size_t k = 0; k < work_[i].potential.size(); ++k) {
      work_[i].potential[k] /= node.scale[k % node.layout.pixel];
    }
  }
}

template <class R>
template <class C>
void SampleRun<R>::neuron_rows(std::size_t i,
                               void (*kernel)(const NeuronRow<R>&, const Currents<C>&)) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Neuron& what = std::get<Neuron>(plan_.graph[i].kind);
  const Layout& l = node.layout;
  const std::size_t block = node.block / node.rows, size = l.width * block;
  v_.resize(std::max(v_.size(), node.rows * size));
  sent_.resize(v_.size());
  mean_.resize(v_.size());
  std::size_t base_stride = 0;
  const R* base = base_of(*node.sum, l, base_stride);
  if (base_stride != 0 && !node.scale.empty()) {
    for (std::size_t k = 0; k < l.size(); ++k) {
      base_[k] *= node.scale[k % l.pixel];
    }
  }
  const auto one_row = [&](std::size_t c, std::size_t y, std::size_t first, std::size_t part,
                           const Currents<C>& currents) {
    R* v = v_.data() + part * size;
    if (first == 0) {
      for (std::size_t x = 0; x < l.width; ++x) {
        const R* from =
            node.v_init.data() + (node.v_init_everywhere ? y * l.row() + x * l.pixel : 0) + c;
        std::copy_n(from, block, v + x * block);
      }
      std::fill_n(sent_.data() + part * size, size, R{});
      std::fill_n(mean_.data() + part * size, size, R{});
    }
    NeuronRow<R> row{};
    row.decay = static_cast<R>(what.decay);
    row.gain = static_cast<R>(what.gain);
    row.v_reset = static_cast<R>(what.v_reset);
    row.threshold = node.threshold.data() + (node.threshold_everywhere ? y * l.row() : 0) + c;
    row.threshold_stride = node.threshold_everywhere ? l.pixel : 0;
    row.base = base == nullptr ? nullptr : base + y * l.width * base_stride + c;
    row.base_stride = base_stride;
    row.v = v;
    row.sent = sent_.data() + part * size;
    row.mean = mean_.data() + part * size;
    if (node.potential) {
      row.recorded = work_[i].potential.data() + first * l.size() + y * l.row() + c;
      row.recorded_step = l.size();
      row.recorded_pixel = l.pixel;
    }
    row.bits = work_[i].bits.data() + (y * steps_ + first) * l.row_bytes() + c / 8;
    row.row_bytes = l.row_bytes();
    row.pixel_bytes = l.pixel_bytes();
    row.plane_bytes = plane_bytes(i);
    row.first_step = first;
    row.levels = what.levels;
    if (!node.pace.empty()) {
      row.pace = node.pace.data() + first * l.pixel + c;
      row.limit = node.limit.data() + first * l.pixel + c;
      row.pace_step = l.pixel;
      row.ceiling = node.ceiling.empty() ? nullptr : node.ceiling.data() + first * l.pixel + c;
      row.sizes = sizes_.data() + first;
      row.is_pair = what.is_signed;
      row.offset = node.offset.empty() ? nullptr : node.offset.data() + first * l.pixel + c;
    }
    if (what.activation) {
      row.function = what.activation->function;
      row.alpha = node.alpha.empty() ? nullptr : node.alpha.data() + c;
      row.beta = node.beta.empty() ? nullptr : node.beta.data() + c;
      row.scale = node.per_value.data() + c;
      estimates_.resize(std::max(estimates_.size(), currents.steps * size));
      row.estimates = estimates_.data();
    }
    kernel(row, currents);
  };
  rows_of<C>(
      i, *node.sum,
      [&](std::size_t c, std::size_t y, std::size_t first, const Currents<C>& currents) {
        if (node.rows == 1) {
          one_row(c, y, first, 0, currents);
          return;
        }
        for (std::size_t part = 0; part < node.rows && node.rows * y + part < l.height; ++part) {
          one_row(
              0, node.rows * y + part, first, part,
              {currents.at + part * block, currents.steps, currents.width, block, currents.pixel});
        }
      });
}

template <class R>
void SampleRun<R>::accumulate(std::size_t i) {
  const Layout& l = plan_.nodes[i].layout;
  const Sum<R>& sum = *plan_.nodes[i].sum;
  std::size_t stride = 0;
  const R* base = base_of(sum, l, stride);
  rows_of<R>(i, sum, [&](std::size_t c, std::size_t y, std::size_t first, const Currents<R>& in) {
    for (std::size_t t = 0; t < in.steps; ++t) {
      R* to = work_[i].sequence.data() + (first + t) * l.size() + y * l.row() + c;
      for (std::size_t x = 0; x < l.width; ++x) {
        for (std::size_t k = 0; k < in.block; ++k) {
          const R value = in.at[t * in.step() + x * in.pixel + k];
          to[x * l.pixel + k] =
              base == nullptr ? value : value + base[(y * l.width + x) * stride + c + k];
        }
      }
    }
  });
}

template void SampleRun<float>::neuron(std::size_t);
template void SampleRun<double>::neuron(std::size_t);
template void SampleRun<float>::accumulate(std::size_t);
template void SampleRun<double>::accumulate(std::size_t);

}  // namespace spikelet::layers
