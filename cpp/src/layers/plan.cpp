// Plans a graph: chooses the form of each node's values.
#include "layers/plan.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "layers/planner.hpp"

namespace spikelet::layers {

template <class R>
Planner<R>::Planner(typename Engine<R>::Plan& plan, bool whole)
    : whole_(whole), plan_(plan), graph_(plan.graph) {
  // Senders first: a delay may come before its input.
  const auto sends = [&](std::size_t i) {
    return std::holds_alternative<Input>(graph_[i].kind) ||
           std::holds_alternative<Neuron>(graph_[i].kind);
  };
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    NodePlan<R>& node = plan_.nodes.emplace_back();
    node.layout = Layout(graph_[i].shape);
    if (sends(i)) {
      describe(i, node);
    }
  }
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    if (!sends(i)) {
      describe(i, plan_.nodes[i]);
    }
  }
  for (std::size_t i = 0; i < graph_.size(); ++i) {
    prepare(i);
    count_from(i);
    if (const auto* neuron = std::get_if<Neuron>(&graph_[i].kind)) {
      set_neuron(i, *neuron);
    } else if (std::holds_alternative<Relu>(graph_[i].kind) ||
               std::holds_alternative<Foreign>(graph_[i].kind)) {
      need_dense(i);
    } else if (plan_.nodes[i].form == Form::sequence) {
      need_sequence(i);
    }
    set_window(i);
  }
}

template <class R>
void Planner<R>::need_dense(std::size_t i) {
  NodePlan<R>& node = plan_.nodes[i];
  if (std::exchange(node.dense, true) || node.form == Form::spikes) {
    return;
  }
  if (node.form == Form::sequence) {
    need_sequence(i);
    return;
  }
  need_matrix(i);
  for (const std::size_t from : graph_[i].inputs) {
    need_dense(from);
  }
}

template <class R>
void Planner<R>::need_sequence(std::size_t i) {
  NodePlan<R>& node = plan_.nodes[i];
  if (std::exchange(node.sequence, true) || node.form == Form::spikes ||
      std::holds_alternative<Neuron>(graph_[i].kind)) {
    return;
  }
  if (node.form == Form::constant) {
    need_dense(i);
    return;
  }
  const auto* conv = std::get_if<Conv>(&graph_[i].kind);
  if (std::holds_alternative<Add>(graph_[i].kind) ||
      (conv != nullptr && distributes(*conv, graph_[i].inputs[0]))) {
    node.sum = sum_of(i, node);
    return;
  }
  need_matrix(i);
  for (const std::size_t from : graph_[i].inputs) {
    if (plan_.nodes[from].form == Form::constant) {
      need_dense(from);
    } else {
      need_sequence(from);
    }
  }
}

template <class R>
void Planner<R>::describe(std::size_t i, NodePlan<R>& node) {
  const auto sends = [&](const auto& what) {
    node.level_ratio = what.level_ratio;
    double gain = 1;
    for (int k = 0; k < what.levels; ++k, gain *= what.level_ratio) {
      node.gains.push_back(static_cast<R>(gain));
    }
    for (int k = 0; what.is_signed && k < what.levels; ++k) {
      node.gains.push_back(-node.gains[static_cast<std::size_t>(k)]);
    }
    node.planes = node.gains.size();
    node.differential = what.differential;
    bool everywhere = false;
    node.amplitude = laid_out<R>(what.amplitude, node.layout, R{}, everywhere);
  };
  const auto like = [&](std::size_t from) {
    const NodePlan<R>& sender = plan_.nodes[from];
    node.form = Form::spikes;
    node.planes = sender.planes;
    node.gains = sender.gains;
    node.level_ratio = sender.level_ratio;
    node.differential = sender.differential;
    node.amplitude = sender.amplitude;
  };
  const auto& inputs = graph_[i].inputs;
  const bool constant = std::ranges::all_of(
      inputs, [&](std::size_t from) { return plan_.nodes[from].form == Form::constant; });
  std::visit(
      Overloaded{[&](const Input& given) {
                   node.form = given.form == InputForm::constant   ? Form::constant
                               : given.form == InputForm::sequence ? Form::sequence
                                                                   : Form::spikes;
                   sends(given);
                 },
                 [&](const Neuron& n) {
                   if (n.threshold.empty()) {
                     node.form = Form::sequence;
                   } else {
                     node.form = Form::spikes;
                     sends(n);
                   }
                 },
                 [&](const Delayed&) { node.form = Form::sequence; },
                 [&](const Delay&) {
                   const std::size_t from = inputs[0];
                   const bool known = from < i || std::holds_alternative<Neuron>(graph_[from].kind);
                   if (known && plan_.nodes[from].form == Form::spikes &&
                       !plan_.nodes[from].differential) {
                     like(from);
                   } else {
                     node.form = Form::sequence;
                   }
                 },
                 [&](const Relu&) { node.form = Form::constant; },
                 [&](const Foreign&) { node.form = Form::constant; },
                 [&](const Gather& gather) { describe_gather(i, gather, node); },
                 [&](const MaxPool& pool) {
                   const NodePlan<R>& from = plan_.nodes[inputs[0]];
                   const bool positive =
                       std::all_of(from.amplitude.begin(),
                                   from.amplitude.begin() +
                                       static_cast<std::ptrdiff_t>(
                                           from.form == Form::spikes ? node.layout.channels : 0),
                                   [](R a) { return a > 0; });
                   if (constant) {
                     node.form = Form::constant;
                   } else if (from.form == Form::spikes && positive && !from.differential &&
                              (from.planes == 1 ||
                               (pool.of_counts && (from.planes == 2 || !plan_.sizes.empty())))) {
                     like(inputs[0]);
                   } else {
                     node.form = Form::sequence;
                   }
                 },
                 [&](const Upsample&) {
                   const Form from = plan_.nodes[inputs[0]].form;
                   if (from == Form::spikes) {
                     like(inputs[0]);
                   } else {
                     node.form = constant ? Form::constant : Form::sequence;
                   }
                 },
                 [&](const auto&) { node.form = constant ? Form::constant : Form::current; }},
      graph_[i].kind);
}

template <class R>
void Planner<R>::need_matrix(std::size_t i) {
  NodePlan<R>& node = plan_.nodes[i];
  const auto* conv = std::get_if<Conv>(&graph_[i].kind);
  if (conv != nullptr && !node.matrix) {
    node.matrix = dense_conv<R>(kernel_of(i));
  }
}

template <class R>
std::unique_ptr<const typename Engine<R>::Plan> make_plan(
    const Graph& graph, bool whole, std::span<const std::pair<std::size_t, What>> records,
    std::span<const double> sizes) {
  auto plan = std::make_unique<typename Engine<R>::Plan>();
  check(graph);
  plan->graph = graph;
  plan->loops = loops_of(graph);
  for (const Node& node : graph) {
    plan->inputs += std::holds_alternative<Input>(node.kind) ? 1 : 0;
  }
  for (const auto& [node, what] : records) {
    const auto* neuron = node < graph.size() ? std::get_if<Neuron>(&graph[node].kind) : nullptr;
    if (node >= graph.size() ||
        (what == What::potential && (neuron == nullptr || neuron->threshold.empty()))) {
      throw std::invalid_argument(
          "records must name nodes of the graph, and potentials only nodes that are neurons");
    }
  }
  for (const double size : sizes) {
    if (size == 0 || !std::isfinite(static_cast<R>(size))) {
      throw std::invalid_argument("sizes must be finite and not 0");
    }
    plan->sizes.push_back(static_cast<R>(size));
  }
  for (const Node& node : graph) {
    if (!sizes.empty() &&
        (std::holds_alternative<Delayed>(node.kind) || std::holds_alternative<Delay>(node.kind))) {
      throw std::invalid_argument(
          "sizes must be empty if the graph has delays: spikes with a size cannot be delayed");
    }
    const auto* neuron = std::get_if<Neuron>(&node.kind);
    const auto* input = std::get_if<Input>(&node.kind);
    if (!sizes.empty() && ((neuron != nullptr && neuron->pace.empty()) ||
                           (input != nullptr && input->differential))) {
      throw std::invalid_argument(
          "sizes must be empty unless all neurons have a pace and no input is differential");
    }
  }
  plan->nodes.reserve(graph.size());
  plan->records.assign(records.begin(), records.end());
  Planner<R> planner(*plan, whole);
  for (const auto& [begin, end] : plan->loops) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto* pool = std::get_if<MaxPool>(&graph[i].kind);
      const bool waits = plan->nodes[i].form == Form::constant && !graph[i].inputs.empty();
      if (plan->nodes[i].graded || plan->nodes[i].differential || waits ||
          (pool != nullptr && pool->of_counts)) {
        throw std::invalid_argument(
            "node " + std::to_string(i) +
            " must not be in a loop: its output depends on the means of its input");
      }
    }
  }
  for (const auto& [node, what] : records) {
    if ((what == What::spikes || what == What::packed) && plan->nodes[node].form != Form::spikes) {
      throw std::invalid_argument("node " + std::to_string(node) +
                                  " must send spikes, so that they can be recorded");
    }
    if (what == What::value) {
      planner.need_sequence(node);
    } else if (what == What::mean) {
      planner.need_dense(node);
    } else if (what == What::potential) {
      plan->nodes[node].potential = true;
    }
  }
  return plan;
}

#define SPIKELET_PLAN(R)                                        \
  template Planner<R>::Planner(Engine<R>::Plan&, bool);         \
  template void Planner<R>::need_dense(std::size_t);            \
  template void Planner<R>::need_sequence(std::size_t);         \
  template std::unique_ptr<const Engine<R>::Plan> make_plan<R>( \
      const Graph&, bool, std::span<const std::pair<std::size_t, What>>, std::span<const double>);
SPIKELET_PLAN(float)
SPIKELET_PLAN(double)
#undef SPIKELET_PLAN

}  // namespace spikelet::layers
