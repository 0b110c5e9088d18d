// Describes the plan of an engine.
#include "spikelet/layers/description.hpp"

#include "layers/plan.hpp"

namespace spikelet::layers {
namespace {

using Kind = PartDescription::Kind;

// From [channel] with padding, or [y][x][channel] with padding.
template <class R>
std::vector<double> unpadded(const Buffer<R>& values, const Layout& l) {
  std::vector<double> out;
  const std::size_t places = values.size() / l.pixel;
  for (std::size_t c = 0; c < l.channels; ++c) {
    for (std::size_t p = 0; p < places; ++p) {
      out.push_back(static_cast<double>(values[p * l.pixel + c]));
    }
  }
  return out;
}

// From [step][channel] with padding.
template <class R>
std::vector<double> by_step(const Buffer<R>& values, const Layout& l) {
  std::vector<double> out;
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (k % l.pixel < l.channels) {
      out.push_back(static_cast<double>(values[k]));
    }
  }
  return out;
}

template <class R>
class Describer {
 public:
  explicit Describer(const typename Engine<R>::Plan& plan) : plan_(plan) {}

  NodeDescription operator()(std::size_t i) const {
    const NodePlan<R>& node = plan_.nodes[i];
    const Layout& l = node.layout;
    NodeDescription d{};
    d.form = static_cast<NodeDescription::Form>(node.form);
    d.planes = node.planes;
    d.gains.assign(node.gains.begin(), node.gains.end());
    d.differential = node.differential;
    d.amplitude = unpadded(node.amplitude, l);
    d.mean = node.dense;
    d.steps = node.sequence;
    d.scale = unpadded(node.scale, l);
    d.threshold = unpadded(node.threshold, l);
    d.amount = unpadded(node.amount, l);
    d.v_init = unpadded(node.v_init, l);
    for (std::size_t p = 0; p < Dynamics::parameters; ++p) {
      d.dynamics[p] = unpadded(node.dynamics[p], l);
    }
    d.pace = by_step(node.pace, l);
    d.limit = by_step(node.limit, l);
    d.ceiling = by_step(node.ceiling, l);
    d.offset = by_step(node.offset, l);
    d.per_value = unpadded(node.per_value, l);
    d.alpha = node.form == Form::spikes ? unpadded(node.alpha, l) : std::vector<double>{};
    d.beta = node.form == Form::spikes ? unpadded(node.beta, l) : std::vector<double>{};
    if (!node.sum) {
      return d;
    }
    d.summed = true;
    d.whole = !node.scale.empty();
    for (const auto& term : node.sum->terms) {
      d.parts.push_back(part(node, term));
    }
    for (const auto& term : node.sum->short_terms) {
      d.parts.push_back(part(node, term));
    }
    d.constants = node.sum->constants;
    for (const auto& [conv, source] : node.sum->folded) {
      PartDescription p{Kind::values, source, conv.kernel.conv, conv.kernel.in, conv.kernel.out};
      std::vector<double> rounded(p.conv.weights.begin(), p.conv.weights.end());
      for (double& w : rounded) {
        w = static_cast<double>(static_cast<R>(w));
      }
      p.conv.weights = std::move(rounded);
      d.folded.push_back(std::move(p));
    }
    d.bias = unpadded(node.sum->bias, l);
    return d;
  }

 private:
  template <class C>
  PartDescription part(const NodePlan<R>& node, const Term<C>& term) const {
    PartDescription p{};
    p.source = term.source;
    if (term.kind == Term<C>::Kind::sequence) {
      p.kind = Kind::values;
      return p;
    }
    if (term.kind == Term<C>::Kind::copy) {
      p.kind = Kind::copy;
      p.conv.weights = unpadded(term.weight, node.layout);
      return p;
    }
    p.kind = Kind::events;
    p.walked = term.conv->walked;
    const Kernel kernel =
        node.rows == 2 ? unpaired(term.conv->kernel, node.layout.channels) : term.conv->kernel;
    const std::span<const R> amplitude(plan_.nodes[term.source].amplitude);
    p.conv = kernel.conv;
    p.conv.weights = event_weights<C, R>(kernel, amplitude, std::span<const R>(node.scale));
    p.in = kernel.in;
    p.out = kernel.out;
    return p;
  }

  const typename Engine<R>::Plan& plan_;
};

}  // namespace

template <class R>
std::vector<NodeDescription> Engine<R>::describe() const {
  const Describer<R> describe(*plan_);
  std::vector<NodeDescription> nodes;
  for (std::size_t i = 0; i < plan_->nodes.size(); ++i) {
    nodes.push_back(describe(i));
  }
  return nodes;
}

template std::vector<NodeDescription> Engine<float>::describe() const;
template std::vector<NodeDescription> Engine<double>::describe() const;

}  // namespace spikelet::layers
