#include "layers/sample_run.hpp"

#include <algorithm>
#include <stdexcept>

namespace spikelet::layers {
namespace {

constexpr std::size_t steps_between_questions = 64;  // of a loop

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
      sizes_(plan.sizes.empty() ? Buffer<R>(steps, R{1}) : plan.sizes),
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
      const auto [begin, end] = window_of(node);
      work_[i].sequence.resize(std::min(end - begin + 1, steps_) * node.layout.size());
    }
    if (node.potential) {
      work_[i].potential.resize(steps_ * node.layout.size());
    }
    if (node.sum) {
      const auto see = [&](const auto& terms) {
        for (const auto& term : terms) {
          const std::size_t seen = term.conv ? term.conv->kernel.conv.kernel_height + 3 : 1;
          rows = std::max(rows, seen * plan_.nodes[term.source].planes);
        }
      };
      see(node.sum->terms);
      see(node.sum->short_terms);
    }
  }
  rows_.resize(rows);
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const auto& inputs = plan_.graph[i].inputs;
    work_[i].is_timeless =
        plan_.nodes[i].form == Form::constant &&
        std::ranges::all_of(inputs, [&](std::size_t from) { return work_[from].is_timeless; });
  }
}

template <class R>
const R* SampleRun<R>::at(std::size_t node, std::size_t step) const {
  return plan_.nodes[node].form == Form::constant ? work_[node].dense.data()
                                                  : work_[node].sequence.data() + place(node, step);
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
      sum += plan.gains[p];
    }
  }
  return sum;
}

template <class R>
void SampleRun<R>::set_input(std::size_t node, const R* analog, std::size_t stride) {
  const bool constant = plan_.nodes[node].form == Form::constant;
  const Layout& l = plan_.nodes[node].layout;
  for (std::size_t t = 0; t < (constant ? 1 : steps_); ++t) {
    R* to = constant ? work_[node].dense.data() : value(node, t);
    const R* from = analog + t * stride;
    for (std::size_t c = 0; c < l.channels; ++c) {
      for (std::size_t p = 0; p < l.height * l.width; ++p) {
        to[p * l.pixel + c] = from[c * l.height * l.width + p];
      }
    }
  }
}

template <class R>
void SampleRun<R>::set_input(std::size_t node, const std::int8_t* spikes, std::size_t stride) {
  const Layout& l = plan_.nodes[node].layout;
  Buffer<std::uint8_t>& bits = work_[node].bits;
  std::fill(bits.begin(), bits.end(), std::uint8_t{0});
  for (std::size_t t = 0; t < steps_; ++t) {
    for (std::size_t c = 0; c < l.channels; ++c) {
      for (std::size_t y = 0; y < l.height; ++y) {
        for (std::size_t x = 0; x < l.width; ++x) {
          const std::int8_t s = spikes[t * stride + (c * l.height + y) * l.width + x];
          if (s != 0) {
            if (s < 0 && plan_.nodes[node].planes == 1) {
              throw std::invalid_argument("x: spikes of -1 need a signed input");
            }
            std::uint8_t* to =
                bits.data() + (y * steps_ + t) * l.row_bytes() + (s < 0 ? plane_bytes(node) : 0);
            pixel_of(to, l, x)[c / 8] |= static_cast<std::uint8_t>(1 << (c % 8));
          }
        }
      }
    }
  }
}

template <class R>
void SampleRun<R>::set_packed(std::size_t node, std::span<const std::uint8_t> bits) {
  std::ranges::copy(bits, work_[node].bits.begin());
}

template <class R>
void SampleRun<R>::advance(std::size_t to, const std::function<bool()>& keep_going) {
  const std::size_t from = to_;
  auto loop = plan_.loops.begin();
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    if (keep_going && !keep_going()) {
      return;
    }
    const bool loops = loop != plan_.loops.end() && loop->first == i;
    const std::size_t end = loops ? (loop++)->second : i + 1;
    for (to_ = from; loops && to_ < to;) {
      from_ = to_++;
      for (std::size_t k = i; k < end; ++k) {
        send(k);
      }
      if (to_ % steps_between_questions == 0 && keep_going && !keep_going()) {
        return;
      }
    }
    from_ = from;
    to_ = to;
    for (; i < end; ++i) {
      if (!loops) {
        send(i);
      }
      average(i);
    }
    --i;
  }
}

template <class R>
void SampleRun<R>::apply_to_means(std::size_t i) {
  std::vector<const R*> inputs;
  for (const std::size_t from : plan_.graph[i].inputs) {
    inputs.push_back(work_[from].dense.data());
  }
  apply(i, inputs, work_[i].dense.data());
}

template <class R>
void SampleRun<R>::average(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  if (!node.dense) {
    return;
  }
  if (node.form == Form::spikes) {
    tally(i);
  } else if (node.form == Form::sequence) {
    mean_of_sequence(i);
  } else if (node.form == Form::current) {
    apply_to_means(i);
  }
}

template <class R>
void SampleRun<R>::send(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Node& what = plan_.graph[i];
  const auto* delay = std::get_if<Delay>(&what.kind);
  const bool is_neuron = std::holds_alternative<Neuron>(what.kind);
  switch (node.form) {
    case Form::spikes:
      if (is_neuron) {
        neuron(i);
      } else if (delay != nullptr) {
        arrive(i, *delay);
      } else if (std::holds_alternative<MaxPool>(what.kind)) {
        max_of_spikes(i);
      } else if (std::holds_alternative<Upsample>(what.kind)) {
        upsample_spikes(i);
      } else if (std::holds_alternative<Gather>(what.kind)) {
        move_spikes(i);
      }
      if (node.sequence) {
        expand_spikes(i);
      }
      break;
    case Form::constant:
      if (node.dense && !std::holds_alternative<Input>(what.kind) &&
          !(work_[i].is_timeless && from_ > 0)) {
        apply_to_means(i);
      }
      break;
    case Form::sequence:
      if (is_neuron) {
        neuron(i);
      } else if (delay != nullptr) {
        arrive(i, *delay);
      } else if (std::holds_alternative<Delayed>(what.kind)) {
        arrive_later(i);
      } else if (!what.inputs.empty()) {
        apply_at_each_step(i);
      }
      break;
    case Form::current:
      if (node.sequence) {
        if (node.sum) {
          accumulate(i);
        } else if (node.graded) {
          send_graded(i);
        } else {
          apply_at_each_step(i);
        }
      }
      break;
  }
}

template <class R>
R SampleRun<R>::window() const {
  // What sizes have sent is known to be a part of a whole; other spikes are a mean so far.
  double sum = 0;
  for (std::size_t t = delay_; t < (plan_.sizes.empty() ? to_ : steps_); ++t) {
    sum += static_cast<double>(size_of(t));
  }
  return static_cast<R>(sum);
}

template <class R>
void SampleRun<R>::tally(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  std::fill(work_[i].dense.begin(), work_[i].dense.end(), R{});
  const R window = this->window();
  const auto [begin, end] = window_of(node);
  for (std::size_t y = 0; y < l.height; ++y) {
    R* sums = work_[i].dense.data() + y * l.row();
    const auto add = [&](std::size_t plane, std::size_t first, std::size_t steps, R weight) {
      rows_[0] = row(i, y, first) + plane * plane_bytes(i);
      const SpikeRows in{rows_.data(), l.row_bytes(), l.pixel_bytes(), l.width, l.pixel};
      kernels_.tally(in, steps, node.gains[plane] * weight, sums, l.pixel);
    };
    // Step by step, as a program in C adds them.
    for (std::size_t t = std::max(delay_, begin); !plan_.sizes.empty() && t < std::min(end, to_);
         ++t) {
      for (std::size_t plane = 0; plane < node.planes; ++plane) {
        add(plane, t, 1, size_of(t));
      }
    }
    for (std::size_t plane = 0; plan_.sizes.empty() && plane < node.planes; ++plane) {
      if (!node.differential) {
        add(plane, delay_, to_ - delay_, R{1});
        continue;
      }
      // A difference of step t counts 1 / t for all steps from then on.
      for (std::size_t t = 0; t < to_; ++t) {
        const R since = t < delay_ ? window : static_cast<R>(to_);
        add(plane, t, 1, since / static_cast<R>(t + 1));
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
  for (std::size_t t = delay_; t < to_; ++t) {
    const R* from = value(i, t);
    for (std::size_t k = 0; k < size; ++k) {
      mean[k] += size_of(t) * from[k];
    }
  }
  const R window = this->window();
  for (R& x : mean) {
    x /= window;
  }
}

template <class R>
void SampleRun<R>::expand_spikes(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& l = node.layout;
  Buffer<R> mean(node.differential ? l.row() : 0);
  for (std::size_t y = 0; y < l.height; ++y) {
    std::fill(mean.begin(), mean.end(), R{});
    for (std::size_t t = node.differential ? 0 : from_; t < to_; ++t) {
      R* to = value(i, t) + y * l.row();
      for (std::size_t plane = 0; plane < node.planes; ++plane) {
        rows_[0] = row(i, y, t) + plane * plane_bytes(i);
        const SpikeRows in{rows_.data(), l.row_bytes(), l.pixel_bytes(), l.width, l.pixel};
        const Currents<R> currents{to, 1, l.width, l.pixel, l.pixel};
        kernels_.real.copy(node.amplitude.data(), in, node.gains[plane], plane > 0, currents);
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
