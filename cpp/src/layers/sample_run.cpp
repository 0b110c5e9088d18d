#include "layers/sample_run.hpp"

#include <algorithm>
#include <stdexcept>

namespace spikelet::layers {
namespace {

constexpr std::size_t current_bytes = 24 << 10;  // of one kernel call: they stay in the cache

std::uint8_t* pixel_of(std::uint8_t* row, const Layout& l, std::size_t x) {
  return row + x * l.pixel_bytes();
}

}  // namespace

template <class R>
SampleRun<R>::SampleRun(const typename Engine<R>::Plan& plan, std::size_t steps, std::size_t delay)
    : plan_(plan),
      kernels_(layer_kernels<R>()),
      steps_(steps),
      delay_(delay),
      work_(plan.nodes.size()) {
  std::size_t rows = 1;
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const NodePlan<R>& node = plan_.nodes[i];
    if (node.form == Form::spikes) {
      nothing_.resize(std::max(nothing_.size(), steps_ * node.layout.row_bytes() + 8));
      work_[i].bits.resize(node.planes * plane_bytes(i) + 8);
    }
    if (node.dense || node.form == Form::constant) {
      work_[i].dense.resize(node.layout.size());
    }
    if ((node.sequence && node.form != Form::constant) || node.form == Form::sequence) {
      work_[i].sequence.resize(steps_ * node.layout.size());
    }
    if (node.potential) {
      work_[i].potential.resize(steps_ * node.layout.size());
    }
    if (node.sum) {
      const auto see = [&](const auto& terms) {
        for (const auto& term : terms) {
          rows = std::max(rows, term.conv ? term.conv->kernel.conv.kernel_height + 3 : 1);
        }
      };
      see(node.sum->terms);
      see(node.sum->short_terms);
    }
  }
  rows_.resize(rows);
}

template <class R>
const R* SampleRun<R>::at(std::size_t node, std::size_t step) const {
  return plan_.nodes[node].form == Form::constant
             ? work_[node].dense.data()
             : work_[node].sequence.data() + step * plan_.nodes[node].layout.size();
}

template <class R>
R SampleRun<R>::spike(std::size_t node, std::size_t step, std::size_t y, std::size_t x,
                      std::size_t c) const {
  const NodePlan<R>& plan = plan_.nodes[node];
  R sum{};
  for (std::size_t p = 0; p < plan.planes; ++p) {
    const std::uint8_t* at =
        row(node, y, step) + p * plane_bytes(node) + x * plan.layout.pixel_bytes() + c / 8;
    if (*at >> (c % 8) & 1) {
      sum += plane_gain<R>(p, plan.planes);
    }
  }
  return sum;
}

template <class R>
void SampleRun<R>::set_input(const R* analog, std::size_t stride) {
  const NodePlan<R>& node = plan_.nodes[0];
  const Layout& l = node.layout;
  const std::size_t steps = node.form == Form::constant ? 1 : steps_;
  for (std::size_t t = 0; t < steps; ++t) {
    R* to = node.form == Form::constant ? work_[0].dense.data()
                                        : work_[0].sequence.data() + t * l.size();
    const R* from = analog + t * stride;
    for (std::size_t c = 0; c < l.channels; ++c) {
      for (std::size_t p = 0; p < l.height * l.width; ++p) {
        to[p * l.pixel + c] = from[c * l.height * l.width + p];
      }
    }
  }
}

template <class R>
void SampleRun<R>::set_input(const std::int8_t* spikes, std::size_t stride) {
  const Layout& l = plan_.nodes[0].layout;
  std::fill(work_[0].bits.begin(), work_[0].bits.end(), std::uint8_t{0});
  for (std::size_t t = 0; t < steps_; ++t) {
    for (std::size_t c = 0; c < l.channels; ++c) {
      for (std::size_t y = 0; y < l.height; ++y) {
        for (std::size_t x = 0; x < l.width; ++x) {
          const std::int8_t s = spikes[t * stride + (c * l.height + y) * l.width + x];
          if (s != 0) {
            if (s < 0 && plan_.nodes[0].planes == 1) {
              throw std::invalid_argument("x: spikes of -1 need a signed input");
            }
            std::uint8_t* to = work_[0].bits.data() + (y * steps_ + t) * l.row_bytes() +
                               (s < 0 ? plane_bytes(0) : 0);
            pixel_of(to, l, x)[c / 8] |= static_cast<std::uint8_t>(1 << (c % 8));
          }
        }
      }
    }
  }
}

template <class R>
void SampleRun<R>::run(std::span<NodeCounts> counts, const std::function<bool()>& keep_going) {
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    if (keep_going && !keep_going()) {
      return;
    }
    const NodePlan<R>& node = plan_.nodes[i];
    const Node& what = plan_.graph[i];
    switch (node.form) {
      case Form::spikes:
        if (std::holds_alternative<Neuron>(what.kind)) {
          neuron(i);
        } else if (std::holds_alternative<MaxPool>(what.kind)) {
          max_of_spikes(i);
        } else if (std::holds_alternative<Upsample>(what.kind)) {
          upsample_spikes(i);
        }
        if (node.dense) {
          tally(i);
        }
        if (node.sequence) {
          expand_spikes(i);
        }
        break;
      case Form::constant:
        if (!what.inputs.empty()) {
          std::vector<const R*> inputs;
          for (const std::size_t from : what.inputs) {
            inputs.push_back(work_[from].dense.data());
          }
          apply(i, inputs, work_[i].dense.data());
        }
        break;
      case Form::sequence:
        if (!what.inputs.empty()) {
          apply_at_each_step(i);
        }
        if (node.dense) {
          mean_of_sequence(i);
        }
        break;
      case Form::current:
        if (node.sequence) {
          if (node.sum) {
            accumulate(i);
          } else {
            apply_at_each_step(i);
          }
        }
        if (node.dense) {
          std::vector<const R*> inputs;
          for (const std::size_t from : what.inputs) {
            inputs.push_back(work_[from].dense.data());
          }
          apply(i, inputs, work_[i].dense.data());
        }
        break;
    }
  }
  count(counts);
}

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
    for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
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
  if (node.scale.empty()) {
    neuron_rows<R>(i, !node.pace.empty()  ? kernels_.predictive
                      : what.differential ? kernels_.differential
                      : what.is_signed    ? kernels_.graded
                      : what.hard         ? kernels_.zero
                                          : kernels_.subtract);
    return;
  }
  neuron_rows<Short>(i, !node.pace.empty() ? kernels_.predictive16
                        : what.hard        ? kernels_.zero16
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

template <class R>
void SampleRun<R>::tally(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  std::fill(work_[i].dense.begin(), work_[i].dense.end(), R{});
  const auto window = static_cast<R>(steps_ - delay_);
  for (std::size_t y = 0; y < l.height; ++y) {
    R* sums = work_[i].dense.data() + y * l.row();
    for (std::size_t plane = 0; plane < node.planes; ++plane) {
      const R gain = plane_gain<R>(plane, node.planes);
      const auto add = [&](std::size_t first, std::size_t steps, R weight) {
        rows_[0] = row(i, y, first) + plane * plane_bytes(i);
        const SpikeRows in{rows_.data(), l.row_bytes(), l.pixel_bytes(), l.width, l.pixel};
        kernels_.tally(in, steps, gain * weight, sums, l.pixel);
      };
      if (!node.differential) {
        add(delay_, steps_ - delay_, R{1});
        continue;
      }
      // A difference of step t counts 1 / t for all steps from then on.
      for (std::size_t t = 0; t < steps_; ++t) {
        const R since = t < delay_ ? window : static_cast<R>(steps_);
        add(t, 1, since / static_cast<R>(t + 1));
      }
    }
  }
  for (std::size_t k = 0; k < l.size(); ++k) {
    work_[i].dense[k] = work_[i].dense[k] / window * node.amplitude[k % l.pixel];
  }
}

template <class R>
void SampleRun<R>::mean_of_sequence(std::size_t i) {
  const std::size_t size = plan_.nodes[i].layout.size();
  Buffer<R>& mean = work_[i].dense;
  std::fill(mean.begin(), mean.end(), R{});
  for (std::size_t t = delay_; t < steps_; ++t) {
    const R* from = work_[i].sequence.data() + t * size;
    for (std::size_t k = 0; k < size; ++k) {
      mean[k] += from[k];
    }
  }
  for (R& x : mean) {
    x /= static_cast<R>(steps_ - delay_);
  }
}

template <class R>
void SampleRun<R>::expand_spikes(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  Buffer<R> mean(node.differential ? l.row() : 0);
  for (std::size_t y = 0; y < l.height; ++y) {
    std::fill(mean.begin(), mean.end(), R{});
    for (std::size_t t = 0; t < steps_; ++t) {
      R* to = work_[i].sequence.data() + t * l.size() + y * l.row();
      for (std::size_t plane = 0; plane < node.planes; ++plane) {
        rows_[0] = row(i, y, t) + plane * plane_bytes(i);
        const SpikeRows in{rows_.data(), l.row_bytes(), l.pixel_bytes(), l.width, l.pixel};
        const Currents<R> currents{to, 1, l.width, l.pixel, l.pixel};
        kernels_.copy(node.amplitude.data(), in, plane_gain<R>(plane, node.planes), plane > 0,
                      currents);
      }
      if (node.differential) {
        kernels_.undifference(mean.data(), t, {to, 1, l.width, l.pixel, l.pixel});
      }
    }
  }
}

template class SampleRun<float>;
template class SampleRun<double>;

}  // namespace spikelet::layers
