// The input of neurons and of sums, row by row, and the neurons' steps.
#include <algorithm>

#include "layers/sample_run.hpp"

namespace spikelet::layers {
namespace {

constexpr std::size_t current_bytes = 32 << 10;  // of one kernel call: they stay in the cache

// Kernels are fastest with a multiple of so many steps.
constexpr std::size_t steps_unit = 4;

template <class C>
void clear(const Currents<C>& out) {
  for (std::size_t k = 0; k < out.steps * out.width; ++k) {
    std::fill_n(out.at + k * out.pixel, out.block, C{});
  }
}

// Some of the steps of currents.
template <class C>
Currents<C> part_of(const Currents<C>& all, std::size_t first, std::size_t steps) {
  return {all.at + first * all.step(), steps, all.width, all.block, all.pixel};
}

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
      if (!add) {
        std::copy_n(from + x * l.pixel, out.block, to);
        continue;
      }
      for (std::size_t c = 0; c < out.block; ++c) {
        to[c] += from[x * l.pixel + c];
      }
    }
  }
}

// Points rows_, from `at` on, to the rows that row y of the output sees; returns their number, with
// the empty ones that complete a word.
template <class R>
std::size_t SampleRun<R>::see_rows(const Kernel& kernel, std::size_t source, std::size_t y,
                                   std::size_t first, std::size_t offset, std::size_t at) {
  const Conv& c = kernel.conv;
  const std::size_t height = plan_.nodes[source].layout.height;
  for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
    std::size_t seen = y * c.stride_y + ky * c.dilation_y - c.top;
    bool inside = seen < height;  // above the first row, it wraps around
    if (!c.is_flat()) {
      const auto found = input_row(kernel, y, ky);
      inside = found.has_value();
      seen = found.value_or(0);
    }
    rows_[at + ky] = inside ? row(source, seen, first) + offset : nothing_.data();
  }
  std::fill_n(rows_.begin() + static_cast<std::ptrdiff_t>(at + c.kernel_height), 3,
              nothing_.data());
  return c.kernel_height + 3;
}

// Adds the spikes of those steps in which the sender may spike.
template <class R>
template <class C>
void SampleRun<R>::add_spikes(const Term<C>& term, std::size_t y, std::size_t first_channel,
                              std::size_t first, bool add, const Currents<C>& currents) {
  const NodePlan<R>& source = plan_.nodes[term.source];
  const std::size_t last = std::min(first + currents.steps, source.end);
  std::size_t before = source.first > first ? source.first - first : 0;
  before -= before % steps_unit;
  const std::size_t steps =
      last > first + before
          ? std::min(round_up(last - first - before, steps_unit), currents.steps - before)
          : 0;
  if (!add) {
    clear(part_of(currents, 0, std::min(before, currents.steps)));
    if (before + steps < currents.steps) {
      clear(part_of(currents, before + steps, currents.steps - before - steps));
    }
  }
  if (steps == 0) {
    return;
  }
  first += before;
  const Currents<C> out = part_of(currents, before, steps);
  const Layout& l = source.layout;
  for (std::size_t plane = 0; plane < source.planes; ++plane, add = true) {
    const C gain = static_cast<C>(source.gains[plane]);
    const std::size_t offset = plane * plane_bytes(term.source);
    const SpikeRows in{rows_.data(), l.row_bytes(), l.pixel_bytes(), l.width, l.channels};
    if (term.kind == Term<C>::Kind::copy) {
      rows_[0] = row(term.source, y, first) + offset + first_channel / 8;
      const C* weight = term.weight.data() + first_channel;
      kernels_.template of<C>().copy(weight, in, gain, add, out);
      continue;
    }
    const EventConv<C>& conv = *term.conv;
    const C* weights = conv.weights.data() + first_channel / out.block * conv.block_size;
    const std::size_t rows = see_rows(conv.kernel, term.source, y, first, offset, 0);
    if (conv.walked) {
      ColumnWalk<C> walk = conv.walk;
      walk.weights = weights;
      const std::size_t words = out.steps * walk.words * l.width;
      const bool several = source.planes > 2;  // never of integers
      packed_.resize(std::max(packed_.size(), several ? source.planes * words : words));
      walk.packed = packed_.data();
      if constexpr (std::is_same_v<C, R>) {
        if (several) {  // all sizes in one pass
          for (std::size_t p = 0; p < source.planes; ++p) {
            see_rows(conv.kernel, term.source, y, first, p * plane_bytes(term.source), p * rows);
          }
          codes_.resize(std::max(codes_.size(), words * places_of_codes));
          walk.gains = source.gains.data();
          walk.codes = codes_.data();
          SpikeRows all = in;
          all.planes = source.planes;
          all.plane_rows = rows;
          kernels_.real.walk(walk, all, C{1}, add, out);
          return;
        }
      }
      kernels_.template of<C>().walk(walk, in, gain, add, out);
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
          clear(part);
        }
      }
    }
    any = true;
  }
}

// Calls row(first channel, y, first step, currents) for all blocks of channels, rows and steps from
// `begin` to `end`. If several rows are computed together, y counts groups of rows.
template <class R>
template <class C, class Row>
void SampleRun<R>::rows_of(std::size_t i, const Sum<R>& sum, std::size_t begin, std::size_t end,
                           Row&& row) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  const std::size_t block = node.block, size = l.width * block;
  const std::size_t slice = std::min(
      steps_, std::max(steps_unit, current_bytes / (size * sizeof(C)) / steps_unit * steps_unit));
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
  const bool decoded = std::ranges::any_of(sum.terms, [&](const Term<R>& term) {
    return term.kind != Term<R>::Kind::sequence && plan_.nodes[term.source].differential;
  });
  arrived_.resize(std::max(arrived_.size(), size));
  const std::size_t rows = (l.height + node.rows - 1) / node.rows;
  for (std::size_t c = 0; c < l.pixel * node.rows; c += block) {
    for (std::size_t y = 0; y < rows; ++y) {
      if (decoded) {
        std::fill_n(arrived_.begin(), size, R{});
      }
      for (std::size_t first = begin; first < end; first += slice) {
        const Currents<C> currents{at, std::min(slice, end - first), l.width, block, block};
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
  const bool pair = what.is_signed && !node.pace.empty();
  const auto step = [&](const auto& kernels) {
    return what.dynamics             ? kernels.dynamic
           : pair && what.levels > 1 ? kernels.pair_of_sizes
           : what.activation         ? kernels.following
           : pair                    ? kernels.pair
           : sized                   ? kernels.sized
           : !node.pace.empty()      ? kernels.predictive
           : what.hard               ? kernels.zero
                                     : kernels.subtract;
  };
  if (node.scale.empty()) {
    neuron_rows<R>(i, what.differential         ? kernels_.differential
                      : what.is_signed && !pair ? kernels_.graded
                                                : step(kernels_.real));
    return;
  }
  neuron_rows<Short>(i, step(kernels_.whole));
  const bool sends_it = node.form == Form::sequence;
  if (sends_it || (node.potential && node.pace.empty())) {
    Buffer<R>& potential = sends_it ? work_[i].sequence : work_[i].potential;
    for (std::size_t k = from_ * node.layout.size(); k < to_ * node.layout.size(); ++k) {
      potential[k] /= node.scale[k % node.layout.pixel];
    }
  }
}

// Whether a neuron can go on from its state; otherwise a run that goes on computes all its steps
// again.
template <class R>
bool SampleRun<R>::resumes(std::size_t i) const {
  const auto& terms = plan_.nodes[i].sum->terms;
  return !plan_.nodes[i].differential && std::ranges::none_of(terms, [&](const Term<R>& term) {
    return plan_.nodes[term.source].differential;
  });
}

// The steps that a neuron's spikes depend on, a multiple of steps_unit where possible: until it has
// sent its last spike and, if constant input makes all of a channel `alike`, from the first spike
// that it can receive.
template <class R>
std::pair<std::size_t, std::size_t> SampleRun<R>::steps_of(const NodePlan<R>& node,
                                                           bool alike) const {
  if (node.potential || node.pace.empty()) {
    return {0, steps_};
  }
  std::size_t begin = alike ? std::min(node.first, steps_) : 0, end = std::min(node.end, steps_);
  const auto see = [&](const auto& terms) {
    for (const auto& term : terms) {
      using Kind = typename std::remove_cvref_t<decltype(term)>::Kind;
      begin = term.kind == Kind::sequence ? 0 : std::min(begin, plan_.nodes[term.source].first);
    }
  };
  see(node.sum->terms);
  see(node.sum->short_terms);
  if (begin >= end) {
    return {end, end};
  }
  end = std::min(begin + round_up(end - begin, steps_unit), steps_);
  begin -= std::min(begin, round_up(end - begin, steps_unit) - (end - begin));
  return {begin, end};
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
  // A run that goes on later keeps its state, and its constant input.
  Work& work = work_[i];
  const bool goes_on = from_ > 0 && resumes(i), waits = to_ < steps_ && resumes(i);
  std::size_t base_stride = 0;
  const R* base = nullptr;
  if (goes_on && !work.base.empty()) {
    base = work.base.data();
    base_stride = l.pixel;
  } else {
    base = base_of(*node.sum, l, base_stride);
    if (base_stride != 0 && !node.scale.empty()) {
      for (std::size_t k = 0; k < l.size(); ++k) {
        base_[k] *= node.scale[k % l.pixel];
      }
    }
    if (base_stride != 0 && waits) {
      work.base = base_;
    }
  }
  if (waits) {
    work.v.resize(l.size());
    work.sent.resize(l.size());
    work.mean.resize(what.dynamics ? l.size() : 0);
  }
  const bool alike = !node.v_init_everywhere && (base == nullptr || base_stride == 0);
  const auto [begin, all] = steps_of(node, alike);
  const std::size_t first_now = goes_on ? std::max(begin, from_) : begin, end = std::min(all, to_);
  const R* v_init = node.v_init.data();
  if (begin > 0) {  // nothing but the constant input arrives before
    v_init_.assign(node.v_init.begin(), node.v_init.end());
    for (std::size_t t = 0; base != nullptr && t < begin; ++t) {
      for (std::size_t c = 0; c < l.pixel; ++c) {
        v_init_[c] += base[c] * sizes_[t];
      }
    }
    v_init = v_init_.data();
  }
  const auto one_row = [&](std::size_t c, std::size_t y, std::size_t first, std::size_t part,
                           const Currents<C>& currents) {
    R* v = v_.data() + part * size;
    R* sent = sent_.data() + part * size;
    R* mean = mean_.data() + part * size;
    const auto each_pixel = [&](auto&& f) {
      for (std::size_t x = 0; x < l.width; ++x) {
        f(y * l.row() + x * l.pixel + c, x * block);
      }
    };
    if (first == first_now && first > begin) {
      each_pixel([&](std::size_t kept, std::size_t here) {
        std::copy_n(work.v.data() + kept, block, v + here);
        std::copy_n(work.sent.data() + kept, block, sent + here);
        if (what.dynamics) {
          std::copy_n(work.mean.data() + kept, block, mean + here);
        }
      });
    } else if (first == begin) {
      for (std::size_t x = 0; x < l.width; ++x) {
        const R* from = v_init + (node.v_init_everywhere ? y * l.row() + x * l.pixel : 0) + c;
        std::copy_n(from, block, v + x * block);
      }
      std::fill_n(sent, size, R{});
      if (what.differential || what.dynamics) {
        std::fill_n(mean, size, R{});
      }
    }
    NeuronRow<R> row{};
    row.decay = static_cast<R>(what.decay);
    row.gain = static_cast<R>(what.gain);
    row.v_reset = static_cast<R>(what.v_reset);
    if (!node.threshold.empty()) {
      row.threshold = node.threshold.data() + (node.threshold_everywhere ? y * l.row() : 0) + c;
    }
    row.threshold_stride = node.threshold_everywhere ? l.pixel : 0;
    row.base = base == nullptr ? nullptr : base + y * l.width * base_stride + c;
    row.base_stride = base_stride;
    row.v = v;
    row.sent = sent;
    row.mean = mean;
    const bool sends_it = node.form == Form::sequence;
    if (node.potential || sends_it) {
      R* const kept = sends_it ? work_[i].sequence.data() : work_[i].potential.data();
      row.recorded = kept + first * l.size() + y * l.row() + c;
      row.recorded_step = l.size();
      row.recorded_pixel = l.pixel;
    }
    if (!sends_it) {
      row.bits = work_[i].bits.data() + (y * steps_ + first) * l.row_bytes() + c / 8;
    }
    row.row_bytes = l.row_bytes();
    row.pixel_bytes = l.pixel_bytes();
    row.plane_bytes = plane_bytes(i);
    row.first_step = first;
    row.levels = what.levels;
    row.gains = node.gains.data();
    if (!node.pace.empty()) {
      row.pace = node.pace.data() + first * l.pixel + c;
      row.limit = node.limit.data() + first * l.pixel + c;
      row.pace_step = l.pixel;
      row.ceiling = node.ceiling.empty() ? nullptr : node.ceiling.data() + first * l.pixel + c;
      row.sizes = sizes_.data() + first;
      row.offset = node.offset.empty() ? nullptr : node.offset.data() + first * l.pixel + c;
      row.silent = node.potential || node.first < first ? 0 : node.first - first;
    }
    if (what.dynamics) {
      row.dynamics.reset = what.dynamics->reset;
      row.dynamics.strict = what.dynamics->strict;
      row.dynamics.later = what.dynamics->later;
      for (std::size_t p = 0; p < Dynamics::parameters; ++p) {
        const Buffer<R>& values = node.dynamics[p];
        const bool everywhere = values.size() > l.pixel;
        row.dynamics.strides[p] = everywhere ? l.pixel : 0;
        row.dynamics.values[p] =
            values.empty() ? nullptr : values.data() + (everywhere ? y * l.row() : 0) + c;
      }
    }
    if (what.activation) {
      row.function = what.activation->function;
      row.alpha = node.alpha.empty() ? nullptr : node.alpha.data() + c;
      row.beta = node.beta.empty() ? nullptr : node.beta.data() + c;
      row.scale = node.per_value.data() + c;
    }
    if (what.activation || (row.pace != nullptr && what.is_signed && what.levels > 1)) {
      estimates_.resize(std::max(estimates_.size(), currents.steps * size));
      row.estimates = estimates_.data();
    }
    kernel(row, currents);
    if (waits && first + currents.steps == end) {
      each_pixel([&](std::size_t kept, std::size_t here) {
        std::copy_n(v + here, block, work.v.data() + kept);
        std::copy_n(sent + here, block, work.sent.data() + kept);
        if (what.dynamics) {
          std::copy_n(mean + here, block, work.mean.data() + kept);
        }
      });
    }
  };
  rows_of<C>(
      i, *node.sum, first_now, end,
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
  // With one of the steps at which the value is the same.
  const auto [begin, end] = window_of(plan_.nodes[i]);
  const bool before = begin > 0, after = end < steps_;
  const std::size_t to = std::min(!before && after ? end + 1 : end, to_);
  std::size_t from = std::min(before ? begin - 1 : begin, to_ - 1);
  if (resumes(i)) {
    from = std::max(from, from_);
  }
  rows_of<R>(i, sum, from, to,
             [&](std::size_t c, std::size_t y, std::size_t first, const Currents<R>& in) {
               for (std::size_t t = 0; t < in.steps; ++t) {
                 R* out = value(i, first + t) + y * l.row() + c;
                 for (std::size_t x = 0; x < l.width; ++x) {
                   for (std::size_t k = 0; k < in.block; ++k) {
                     const R value = in.at[t * in.step() + x * in.pixel + k];
                     out[x * l.pixel + k] =
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
