// Movements, constants and graded units of a plan: their tables in the order in which samples are
// stored.
#include <algorithm>
#include <utility>

#include "layers/movement.hpp"
#include "layers/planner.hpp"
#include "spikelet/layers/graded.hpp"

namespace spikelet::layers {
namespace {

// One value per channel, or none.
template <class R>
Buffer<R> by_channel(const std::vector<double>& values, const Layout& layout) {
  bool everywhere = false;
  return values.empty() ? Buffer<R>{} : laid_out<R>(values, layout, R{}, everywhere);
}

// One value for each value of the sample, or none.
template <class R>
Buffer<R> by_value(const std::vector<double>& values, const Layout& layout) {
  Buffer<R> out;
  if (values.size() == layout.channels * layout.height * layout.width) {
    out.resize(layout.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      out[stored(layout, k)] = static_cast<R>(values[k]);
    }
  }
  return out;
}

}  // namespace

// Moved spikes stay spikes if all have one code, and the channels of the output one amplitude each.
template <class R>
void Planner<R>::describe_gather(std::size_t i, const Gather& gather, NodePlan<R>& node) {
  const auto& inputs = graph_[i].inputs;
  std::vector<Layout> layouts;
  for (const std::size_t from : inputs) {
    layouts.push_back(plan_.nodes[from].layout);
  }
  node.moves = moves_of(gather, layouts, node.layout);
  const NodePlan<R>& first = plan_.nodes[inputs[0]];
  const bool spikes = std::ranges::all_of(inputs, [&](std::size_t from) {
    const NodePlan<R>& sender = plan_.nodes[from];
    return sender.form == Form::spikes && sender.gains == first.gains &&
           sender.differential == first.differential;
  });
  const bool constant = std::ranges::all_of(
      inputs, [&](std::size_t from) { return plan_.nodes[from].form == Form::constant; });
  node.form = constant ? Form::constant : Form::current;
  if (!spikes) {
    return;
  }
  std::vector<bool> known(node.layout.pixel);
  Buffer<R> amplitude(node.layout.pixel, R{1});
  for (const Move& move : node.moves) {
    const NodePlan<R>& sender = plan_.nodes[inputs[move.source]];
    for (std::size_t k = 0; k < move.length; ++k) {
      const std::size_t to = (move.to + k) % node.layout.pixel;
      const R given = sender.amplitude[(move.from + k) % sender.layout.pixel];
      if (known[to] && amplitude[to] != given) {
        return;
      }
      amplitude[to] = given;
      known[to] = true;
    }
  }
  node.form = Form::spikes;
  node.planes = first.planes;
  node.gains = first.gains;
  node.level_ratio = first.level_ratio;
  node.differential = first.differential;
  node.amplitude = std::move(amplitude);
}

template <class R>
void Planner<R>::prepare(std::size_t i) {
  NodePlan<R>& node = plan_.nodes[i];
  const auto in_layout = [&](std::size_t k) -> const Layout& {
    return plan_.nodes[graph_[i].inputs[k]].layout;
  };
  std::visit(
      Overloaded{
          [&](const Affine& affine) {
            if (node.layout.height * node.layout.width > 1) {
              node.alpha = by_value<R>(affine.scale, node.layout);
              node.beta = by_value<R>(affine.shift, node.layout);
            }
          },
          [&](const Constant& constant) { node.alpha = by_value<R>(constant.values, node.layout); },
          [&](const Delayed& delayed) {
            const Layout& from = in_layout(0);
            const std::size_t out = node.layout.channels, to = node.layout.pixel;
            const std::size_t in = graph_[graph_[i].inputs[0]].shape.size();
            node.alpha.resize(from.size() * to);
            node.places[0].resize(from.size() * to);
            for (std::size_t k = 0; k < in; ++k) {
              const std::size_t row = stored(from, k) * to;
              for (std::size_t o = 0; o < out; ++o) {
                node.alpha[row + o] = static_cast<R>(delayed.weights[o * in + k]);
                node.places[0][row + o] = delayed.delays[o * in + k];
              }
            }
            node.beta = by_channel<R>(delayed.bias, node.layout);
          },
          [&](const Delay& delay) {
            const std::size_t pixels = node.layout.height * node.layout.width;
            const std::size_t n = delay.steps.size(), size = node.layout.channels * pixels;
            node.places[0].resize(n == 1 ? 0 : node.layout.size());
            for (std::size_t k = 0; n > 1 && k < size; ++k) {
              node.places[0][stored(node.layout, k)] = delay.steps[n == size ? k : k / pixels];
            }
          },
          [&](const Activation& activation) {
            node.alpha = by_channel<R>(activation.alpha, node.layout);
            node.beta = by_channel<R>(activation.beta, node.layout);
          },
          [&](const Binary& binary) {
            for (std::size_t k = 0; k < 2; ++k) {
              const auto& places = binary.places[k];
              node.places[k].resize(places.empty() ? 0 : node.layout.size());
              for (std::size_t j = 0; j < places.size(); ++j) {
                node.places[k][stored(node.layout, j)] =
                    static_cast<std::uint32_t>(stored(in_layout(k), places[j]));
              }
            }
          },
          [](const auto&) {}},
      graph_[i].kind);
  node.graded = is_graded(i);
}

// Whether the node is a function of running means; linear functions act on each step.
template <class R>
bool Planner<R>::is_graded(std::size_t i) const {
  const auto constant = [&](std::size_t k) {
    return plan_.nodes[graph_[i].inputs[k]].form == Form::constant;
  };
  return std::visit(
      Overloaded{[](const Activation&) { return true; }, [](const Softmax&) { return true; },
                 [](const Normalise&) { return true; }, [](const LocalResponse&) { return true; },
                 [&](const MatMul&) { return !constant(0) && !constant(1); },
                 [&](const Binary& binary) {
                   switch (binary.kind) {
                     case Binary::Kind::multiply:
                       return !constant(0) && !constant(1);
                     case Binary::Kind::divide:
                       return !constant(1);
                     default:
                       return true;
                   }
                 },
                 [](const Reduce& reduce) {
                   return reduce.kind != Reduce::Kind::mean && reduce.kind != Reduce::Kind::sum;
                 },
                 [](const auto&) { return false; }},
      graph_[i].kind);
}

#define SPIKELET_PLAN_GRADED(R)                                                        \
  template void Planner<R>::describe_gather(std::size_t, const Gather&, NodePlan<R>&); \
  template void Planner<R>::prepare(std::size_t);
SPIKELET_PLAN_GRADED(float)
SPIKELET_PLAN_GRADED(double)
#undef SPIKELET_PLAN_GRADED

}  // namespace spikelet::layers
