// Neurons of a plan: their parameters as they are stored, and as 16-bit integers.
#include <algorithm>
#include <cmath>
#include <limits>

#include "layers/planner.hpp"

namespace spikelet::layers {
namespace {

// A limit of channels that are padding, and of steps in which a neuron does not spike.
template <class R>
constexpr R never = std::numeric_limits<R>::max() / 4;

}  // namespace

// One value per channel or neuron, in the order in which samples are stored.
template <class R>
Buffer<R> laid_out(const std::vector<double>& values, const Layout& l, R padding,
                   bool& everywhere) {
  everywhere = values.size() > 1 && values.size() != l.channels;
  Buffer<R> out(everywhere ? l.size() : l.pixel, padding);
  for (std::size_t c = 0; c < l.channels; ++c) {
    if (!everywhere) {
      out[c] = static_cast<R>(values[values.size() == 1 ? 0 : c]);
      continue;
    }
    for (std::size_t p = 0; p < l.height * l.width; ++p) {
      out[p * l.pixel + c] = static_cast<R>(values[c * l.height * l.width + p]);
    }
  }
  return out;
}

// The largest power of two at which no sum of weights leaves 16 bits, if it makes all of them
// integers; else 0. `most` is the largest sum.
template <class R>
double exact_scale(const std::vector<R>& weights, double most) {
  const double scale = std::exp2(std::floor(std::log2(32767 / most)));
  const auto is_whole = [scale](R w) {
    const double there = static_cast<double>(w) * scale;
    return there == std::nearbyint(there);
  };
  return most > 0 && std::ranges::all_of(weights, is_whole) ? scale : 0;
}

// The largest scale of each channel at which no sum of weights can leave 16 bits, whatever
// spikes: a power of two if that loses nothing. Empty if the input is not a sum of spikes alone,
// the neuron cannot be scaled, or it leaks and its weights would be rounded.
template <class R>
Buffer<R> Planner<R>::whole_scale(const Neuron& neuron, const Sum<R>& sum,
                                  const std::vector<Spec>& specs, const Layout& layout) const {
  const bool plain = (!neuron.is_signed || !neuron.pace.empty()) && neuron.levels == 1 &&
                     !neuron.differential && neuron.v_reset == 0;
  const bool leaks = neuron.decay != 1 || neuron.gain != 1 || neuron.dynamics;
  const auto fits = [&](std::size_t source) {
    return plan_.nodes[source].planes <= 2 && !plan_.nodes[source].differential;
  };
  if (!(plain || neuron.dynamics) || (leaks && !neuron.pace.empty()) ||
      (specs.empty() && sum.terms.empty())) {
    return {};
  }
  std::vector<double> up(layout.channels), down(layout.channels);
  std::vector<std::vector<R>> weights(layout.channels);
  std::size_t inputs = 0;
  for (const Term<R>& term : sum.terms) {
    if (term.kind != Term<R>::Kind::copy || !fits(term.source)) {
      return {};
    }
    ++inputs;
    for (std::size_t c = 0; c < layout.channels; ++c) {
      up[c] += std::abs(static_cast<double>(term.weight[c]));
      down[c] += std::abs(static_cast<double>(term.weight[c]));
      weights[c].push_back(term.weight[c]);
    }
  }
  for (const Spec& spec : specs) {
    if (!fits(spec.source) || !can_walk(spec.kernel)) {
      return {};
    }
    const NodePlan<R>& source = plan_.nodes[spec.source];
    const Conv& conv = spec.kernel.conv;
    const std::size_t size = conv.kernel_height * conv.kernel_width;
    inputs += size * spec.kernel.in.channels;
    for (std::size_t c = 0; c < layout.channels; ++c) {
      for (std::size_t i = 0; i < spec.kernel.in.channels; ++i) {
        for (std::size_t k = 0; k < size; ++k) {
          const double given = conv.weights[(c * spec.kernel.in.channels + i) * size + k];
          const double w = given * static_cast<double>(source.amplitude[i]);
          up[c] += source.planes == 2 ? std::abs(w) : std::max(w, 0.0);
          down[c] += source.planes == 2 ? std::abs(w) : std::max(-w, 0.0);
          weights[c].push_back(static_cast<R>(given) * source.amplitude[i]);  // as they are stored
        }
      }
    }
  }
  if (inputs > 30000) {  // rounding alone could add up to as much
    return {};
  }
  // Weights that are negligible compared with the threshold must not push the other numbers out
  // of range.
  double most_potential = neuron.dynamics ? 1 : 0;
  for (const double threshold : neuron.threshold) {
    most_potential = std::max(most_potential, std::abs(threshold));
  }
  const double largest = 1e18 / most_potential;
  Buffer<R> scale(layout.pixel, R{1});
  for (std::size_t c = 0; c < layout.channels; ++c) {
    const double most = std::max(up[c], down[c]);
    if (most == 0) {
      continue;
    }
    const double exact = neuron.pace.empty() ? exact_scale(weights[c], most) : 0;
    if (exact > 0 && exact <= largest) {
      scale[c] = static_cast<R>(exact);
    } else if (leaks) {
      return {};
    } else {
      const double fitting = (32767 - 0.5 * static_cast<double>(inputs)) / most;
      scale[c] = static_cast<R>(std::min(fitting, largest));
    }
  }
  return scale;
}

template <class R>
void Planner<R>::finish_whole(Sum<R>& sum, const std::vector<Spec>& specs, NodePlan<R>& node) {
  const std::span<const R> scale(node.scale);
  const bool dense = std::ranges::all_of(specs, [](const Spec& spec) {
    return spec.kernel.conv.stride_y <= 2 && spec.kernel.conv.is_flat();
  });
  node.rows = node.layout.pixel == channel_unit && node.layout.height > 1 && dense ? 2 : 1;
  node.block = node.rows == 2 ? 2 * channel_unit : block_for(specs, sizeof(Short));
  for (const Term<R>& term : sum.terms) {
    Term<Short> whole{Term<Short>::Kind::copy, term.source, nullptr, {}};
    for (std::size_t c = 0; c < node.layout.pixel; ++c) {
      whole.weight.push_back(static_cast<Short>(std::nearbyint(term.weight[c] * scale[c])));
    }
    sum.short_terms.push_back(std::move(whole));
  }
  sum.terms.clear();
  for (const Spec& spec : specs) {
    const std::span<const R> amplitude(plan_.nodes[spec.source].amplitude);
    sum.short_terms.push_back(
        {Term<Short>::Kind::events,
         spec.source,
         std::make_unique<EventConv<Short>>(event_conv<Short, R>(
             node.rows == 2 ? paired(spec.kernel) : spec.kernel, amplitude, node.block, scale)),
         {}});
  }
  // With constants, the bias is added to them and both are scaled together.
  for (std::size_t c = 0; sum.constants.empty() && sum.folded.empty() && c < sum.bias.size(); ++c) {
    sum.bias[c] *= scale[c];
  }
  const auto times = [&](Buffer<R>& values) {
    for (std::size_t k = 0; k < values.size(); ++k) {
      values[k] *= scale[k % node.layout.pixel];
    }
  };
  times(node.threshold);
  times(node.v_init);
  for (const auto p : {Dynamics::drive, Dynamics::v_reset, Dynamics::boost}) {
    times(node.dynamics[p]);
  }
  for (std::size_t k = 0; k < node.pace.size(); ++k) {
    node.pace[k] /= scale[k % node.layout.pixel];
  }
}

template <class R>
void Planner<R>::set_dynamics(NodePlan<R>& node, const Dynamics& dynamics) const {
  bool everywhere = false;
  for (std::size_t p = 0; p < Dynamics::parameters; ++p) {
    if (!dynamics.values[p].empty()) {
      node.dynamics[p] = laid_out<R>(dynamics.values[p], node.layout, R{}, everywhere);
    }
  }
}

template <class R>
void Planner<R>::set_neuron(std::size_t i, const Neuron& neuron) {
  NodePlan<R>& node = plan_.nodes[i];
  if (!neuron.threshold.empty()) {
    node.threshold =
        laid_out<R>(neuron.threshold, node.layout, never<R>, node.threshold_everywhere);
  }
  if (neuron.dynamics) {
    set_dynamics(node, *neuron.dynamics);
  }
  const std::size_t steps = neuron.pace.size() / node.layout.channels;
  node.pace.resize(steps * node.layout.pixel);
  node.limit.assign(steps * node.layout.pixel, never<R>);
  node.ceiling.assign(neuron.ceiling.empty() ? 0 : node.limit.size(), never<R>);
  for (std::size_t k = 0; k < neuron.pace.size(); ++k) {
    const std::size_t to = k / node.layout.channels * node.layout.pixel + k % node.layout.channels;
    node.pace[to] = static_cast<R>(neuron.pace[k]);
    node.limit[to] = static_cast<R>(std::min(neuron.limit[k], static_cast<double>(never<R>)));
    if (!neuron.ceiling.empty()) {
      node.ceiling[to] = static_cast<R>(std::min(neuron.ceiling[k], static_cast<double>(never<R>)));
    }
  }
  if (!neuron.offset.empty()) {
    node.offset.resize(node.pace.size());
    for (std::size_t k = 0; k < neuron.offset.size(); ++k) {
      node.offset[k / node.layout.channels * node.layout.pixel + k % node.layout.channels] =
          static_cast<R>(neuron.offset[k]);
    }
  }
  if (neuron.activation) {
    bool everywhere = false;
    node.per_value = laid_out<R>(neuron.scale, node.layout, R{}, everywhere);
    for (auto [values, to] : {std::pair{&neuron.activation->alpha, &node.alpha},
                              std::pair{&neuron.activation->beta, &node.beta}}) {
      if (!values->empty()) {
        *to = laid_out<R>(*values, node.layout, R{1}, everywhere);
      }
    }
  }
  node.v_init = laid_out<R>(neuron.v_init, node.layout, R{}, node.v_init_everywhere);
  Sum<R> sum;
  const std::vector<Spec> specs = collect(graph_[i].inputs[0], sum);
  if (whole_) {
    node.scale = whole_scale(neuron, sum, specs, node.layout);
  }
  if (node.scale.empty()) {
    finish(sum, specs, node);
  } else {
    finish_whole(sum, specs, node);
  }
  node.sum = std::move(sum);
}

// Finds the steps in which a node may spike, or its value may change.
template <class R>
void Planner<R>::set_window(std::size_t i) {
  NodePlan<R>& node = plan_.nodes[i];
  if (!node.limit.empty()) {
    const auto may_spike = [](R limit) { return limit < never<R>; };
    const auto steps_before = [&](auto at) {
      return static_cast<std::size_t>(at - node.limit.begin()) / node.layout.pixel;
    };
    node.first = steps_before(std::ranges::find_if(node.limit, may_spike));
    const auto last = std::find_if(node.limit.rbegin(), node.limit.rend(), may_spike);
    node.end = last == node.limit.rend() ? node.first : steps_before(last.base() - 1) + 1;
    return;
  }
  const bool pool = std::holds_alternative<MaxPool>(graph_[i].kind);
  const bool remembers = node.graded || std::holds_alternative<Delayed>(graph_[i].kind) ||
                         std::holds_alternative<Delay>(graph_[i].kind) ||
                         std::holds_alternative<Neuron>(graph_[i].kind) ||
                         (pool && node.form != Form::spikes);
  if (graph_[i].inputs.empty() || node.form == Form::constant || remembers) {
    return;
  }
  std::size_t first = node.end, end = 0;
  for (const std::size_t from : graph_[i].inputs) {
    if (plan_.nodes[from].form != Form::constant) {
      first = std::min(first, plan_.nodes[from].first);
      end = std::max(end, plan_.nodes[from].end);
    }
  }
  node.first = first;
  if (!pool) {  // which may lag behind its input
    node.end = end;
  }
}

#define SPIKELET_PLAN_NEURONS(R)                                                    \
  template Buffer<R> laid_out(const std::vector<double>&, const Layout&, R, bool&); \
  template void Planner<R>::set_neuron(std::size_t, const Neuron&);                 \
  template void Planner<R>::set_window(std::size_t);
SPIKELET_PLAN_NEURONS(float)
SPIKELET_PLAN_NEURONS(double)
#undef SPIKELET_PLAN_NEURONS

}  // namespace spikelet::layers
