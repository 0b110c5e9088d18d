// Plans a graph: chooses the form of each node's values and merges what is linear.
#include "layers/plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace spikelet::layers {
namespace {

// The part of a convolution that reads the channels [first, first + n) of its input.
Kernel slice_of(const Kernel& k, std::size_t first, std::size_t n) {
  Kernel slice = k;
  slice.in.channels = n;
  slice.conv.weights.clear();
  const std::size_t size = k.conv.kernel_height * k.conv.kernel_width;
  for (std::size_t o = 0; o < k.out.channels; ++o) {
    const double* from = k.conv.weights.data() + (o * k.in.channels + first) * size;
    slice.conv.weights.insert(slice.conv.weights.end(), from, from + n * size);
  }
  return slice;
}

// The size of equal windows that tile their input, else 0. Such a mean pool and the convolution
// after it are one convolution.
std::size_t tile(const Windows& w, std::size_t n) {
  const std::size_t size = w.end[0] - w.begin[0];
  for (std::size_t i = 0; i < w.begin.size(); ++i) {
    if (w.begin[i] != i * size || w.end[i] != (i + 1) * size || w.divisor[i] != w.divisor[0]) {
      return 0;
    }
  }
  return w.end.back() == n ? size : 0;
}

bool tiles(const AveragePool& pool, const Extent& in) {
  return tile(pool.rows, in.height) != 0 && tile(pool.columns, in.width) != 0;
}

Kernel with_pool(const Kernel& k, const AveragePool& pool, const Extent& in) {
  const std::size_t y = tile(pool.rows, in.height), x = tile(pool.columns, in.width);
  const Conv& c = k.conv;
  Kernel all = k;
  all.in = in;
  all.conv.kernel_height = y * c.kernel_height;
  all.conv.kernel_width = x * c.kernel_width;
  all.conv.stride_y = y * c.stride_y;
  all.conv.stride_x = x * c.stride_x;
  all.conv.top = y * c.top;
  all.conv.left = x * c.left;
  const double divisor = pool.rows.divisor[0] * pool.columns.divisor[0];
  const std::size_t channels = c.weights.size() / (c.kernel_height * c.kernel_width);
  all.conv.weights.clear();
  for (std::size_t i = 0; i < channels; ++i) {
    for (std::size_t ky = 0; ky < all.conv.kernel_height; ++ky) {
      for (std::size_t kx = 0; kx < all.conv.kernel_width; ++kx) {
        all.conv.weights.push_back(
            c.weights[(i * c.kernel_height + ky / y) * c.kernel_width + kx / x] / divisor);
      }
    }
  }
  return all;
}

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

template <class R>
class Planner {
 public:
  Planner(typename Engine<R>::Plan& plan, InputForm input, bool signed_input, bool whole)
      : whole_(whole), plan_(plan), graph_(plan.graph) {
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      NodePlan<R>& node = plan_.nodes.emplace_back();
      node.layout = Layout(graph_[i].shape);
      describe(i, node, input, signed_input);
    }
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      count_from(i);
      if (const auto* neuron = std::get_if<Neuron>(&graph_[i].kind)) {
        set_neuron(i, *neuron);
      } else if (std::holds_alternative<Relu>(graph_[i].kind)) {
        need_dense(i);
      } else if (plan_.nodes[i].form == Form::sequence) {
        need_sequence(i);
      }
    }
  }

  void need_dense(std::size_t i) {
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

  void need_sequence(std::size_t i) {
    NodePlan<R>& node = plan_.nodes[i];
    if (std::exchange(node.sequence, true) || node.form == Form::spikes) {
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

 private:
  struct Spec {
    Kernel kernel;
    std::size_t source;
  };

  void describe(std::size_t i, NodePlan<R>& node, InputForm input, bool signed_input) {
    const auto like = [&](std::size_t from) {
      const NodePlan<R>& sender = plan_.nodes[from];
      node.form = Form::spikes;
      node.planes = sender.planes;
      node.differential = sender.differential;
      node.amplitude = sender.amplitude;
    };
    const auto& inputs = graph_[i].inputs;
    const bool constant = std::ranges::all_of(
        inputs, [&](std::size_t from) { return plan_.nodes[from].form == Form::constant; });
    std::visit(
        Overloaded{[&](const Input& given) {
                     node.form = input == InputForm::constant   ? Form::constant
                                 : input == InputForm::sequence ? Form::sequence
                                                                : Form::spikes;
                     node.planes = signed_input ? 2 : 1;
                     node.amplitude.assign(node.layout.pixel, static_cast<R>(given.amplitude));
                   },
                   [&](const Neuron& n) {
                     node.form = Form::spikes;
                     node.planes = n.is_signed ? 2 * static_cast<std::size_t>(n.levels) : 1;
                     node.differential = n.differential;
                     bool everywhere = false;
                     node.amplitude = laid_out<R>(n.amplitude, node.layout, R{}, everywhere);
                   },
                   [&](const Relu&) { node.form = Form::constant; },
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
                                (from.planes == 1 || (from.planes == 2 && pool.of_counts))) {
                       like(inputs[0]);
                     } else {
                       node.form = Form::sequence;
                     }
                   },
                   [&](const Flatten&) { node.form = constant ? Form::constant : Form::sequence; },
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

  void need_matrix(std::size_t i) {
    NodePlan<R>& node = plan_.nodes[i];
    const auto* conv = std::get_if<Conv>(&graph_[i].kind);
    if (conv != nullptr && !node.matrix) {
      node.matrix = dense_conv<R>(kernel_of(i));
    }
  }

  // Whether a convolution of x is a sum of convolutions of spikes and constants.
  bool distributes(const Conv& conv, std::size_t x) const {
    const Node& node = graph_[x];
    switch (plan_.nodes[x].form) {
      case Form::spikes:
      case Form::constant:
        return true;
      case Form::sequence:
        return false;
      case Form::current:
        break;
    }
    const auto all = [&] {
      return std::ranges::all_of(node.inputs,
                                 [&](std::size_t from) { return distributes(conv, from); });
    };
    if (std::holds_alternative<Add>(node.kind)) {
      return all();
    }
    if (std::holds_alternative<Concat>(node.kind)) {
      return conv.groups == 1 && all();
    }
    const auto* pool = std::get_if<AveragePool>(&node.kind);
    return pool != nullptr && conv.dilation_x == 1 && conv.dilation_y == 1 &&
           plan_.nodes[node.inputs[0]].form == Form::spikes &&
           tiles(*pool, graph_[node.inputs[0]].shape);
  }

  // The convolutions that a convolution of x is a sum of, each of spikes or of a constant:
  // part(kernel, source).
  template <class Part>
  void each_part(const Kernel& kernel, std::size_t x, Part&& part) const {
    const Node& node = graph_[x];
    if (plan_.nodes[x].form != Form::current) {
      part(kernel, x);
    } else if (const auto* pool = std::get_if<AveragePool>(&node.kind)) {
      part(with_pool(kernel, *pool, graph_[node.inputs[0]].shape), node.inputs[0]);
    } else {
      std::size_t first = 0;
      for (const std::size_t from : node.inputs) {
        if (std::holds_alternative<Concat>(node.kind)) {
          const std::size_t n = graph_[from].shape.channels;
          each_part(slice_of(kernel, first, n), from, part);
          first += n;
        } else {
          each_part(kernel, from, part);
        }
      }
    }
  }

  Kernel kernel_of(std::size_t conv) const {
    return {std::get<Conv>(graph_[conv].kind), graph_[graph_[conv].inputs[0]].shape,
            graph_[conv].shape};
  }

  void count_from(std::size_t i) {
    const auto* conv = std::get_if<Conv>(&graph_[i].kind);
    if (conv == nullptr) {
      return;
    }
    const std::size_t from = graph_[i].inputs[0];
    const auto count = [&](const Kernel& kernel, std::size_t source) {
      plan_.nodes[i].counted.push_back({fan_out(kernel), source});
    };
    if (distributes(*conv, from)) {
      each_part(kernel_of(i), from, count);
    } else {
      count(kernel_of(i), from);
    }
  }

  void add(Sum<R>& sum, std::vector<Spec>& specs, std::size_t x) {
    NodePlan<R>& node = plan_.nodes[x];
    if (node.form == Form::constant) {
      need_dense(x);
      sum.constants.push_back(x);
      return;
    }
    if (node.form == Form::spikes) {
      sum.terms.push_back({Term<R>::Kind::copy, x, nullptr, node.amplitude});
      return;
    }
    const auto* conv = std::get_if<Conv>(&graph_[x].kind);
    if (conv != nullptr && node.form == Form::current && distributes(*conv, graph_[x].inputs[0])) {
      each_part(kernel_of(x), graph_[x].inputs[0], [&](const Kernel& kernel, std::size_t source) {
        if (plan_.nodes[source].form == Form::spikes) {
          specs.push_back({kernel, source});
        } else {
          need_dense(source);
          sum.folded.emplace_back(dense_conv<R>(kernel), source);
        }
      });
      sum.bias.resize(node.layout.pixel);
      for (std::size_t c = 0; c < conv->bias.size(); ++c) {
        sum.bias[c] += static_cast<R>(conv->bias[c]);
      }
    } else if (std::holds_alternative<Add>(graph_[x].kind)) {
      for (const std::size_t from : graph_[x].inputs) {
        add(sum, specs, from);
      }
    } else {
      need_sequence(x);
      sum.terms.push_back({Term<R>::Kind::sequence, x, nullptr, {}});
    }
  }

  std::vector<Spec> collect(std::size_t x, Sum<R>& sum) {
    std::vector<Spec> specs;
    add(sum, specs, x);
    return specs;
  }

  static std::size_t block_for(const std::vector<Spec>& specs, std::size_t element_bytes) {
    std::size_t block = channel_unit, most = 0;
    for (const Spec& spec : specs) {
      if (spec.kernel.conv.weights.size() > most) {
        most = spec.kernel.conv.weights.size();
        block = best_block(spec.kernel, element_bytes);
      }
    }
    return block;
  }

  void finish(Sum<R>& sum, const std::vector<Spec>& specs, NodePlan<R>& receiver) {
    receiver.block = block_for(specs, sizeof(R));
    for (const Spec& spec : specs) {
      const std::span<const R> amplitude(plan_.nodes[spec.source].amplitude);
      sum.terms.push_back(
          {Term<R>::Kind::events,
           spec.source,
           std::make_unique<EventConv<R>>(event_conv<R, R>(spec.kernel, amplitude, receiver.block)),
           {}});
    }
  }

  Sum<R> sum_of(std::size_t x, NodePlan<R>& receiver) {
    Sum<R> sum;
    finish(sum, collect(x, sum), receiver);
    return sum;
  }

  // The largest scale of each channel at which no sum of weights can leave 16 bits, whatever
  // spikes. Empty if the input is not a sum of spikes alone, or the neuron cannot be scaled.
  Buffer<R> whole_scale(const Neuron& neuron, const Sum<R>& sum, const std::vector<Spec>& specs,
                        const Layout& layout) const {
    const bool plain = !neuron.is_signed && !neuron.differential && neuron.decay == 1 &&
                       neuron.gain == 1 && neuron.v_reset == 0;
    const auto fits = [&](std::size_t source) {
      return plan_.nodes[source].planes <= 2 && !plan_.nodes[source].differential;
    };
    if (!plain || (specs.empty() && sum.terms.empty())) {
      return {};
    }
    std::vector<double> up(layout.channels), down(layout.channels);
    std::size_t inputs = 0;
    for (const Term<R>& term : sum.terms) {
      if (term.kind != Term<R>::Kind::copy || !fits(term.source)) {
        return {};
      }
      ++inputs;
      for (std::size_t c = 0; c < layout.channels; ++c) {
        up[c] += std::abs(static_cast<double>(term.weight[c]));
        down[c] += std::abs(static_cast<double>(term.weight[c]));
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
            const double w = conv.weights[(c * spec.kernel.in.channels + i) * size + k] *
                             static_cast<double>(source.amplitude[i]);
            up[c] += source.planes == 2 ? std::abs(w) : std::max(w, 0.0);
            down[c] += source.planes == 2 ? std::abs(w) : std::max(-w, 0.0);
          }
        }
      }
    }
    if (inputs > 30000) {  // rounding alone could add up to as much
      return {};
    }
    // Weights that are negligible compared with the threshold must not push the other numbers out
    // of range.
    const double largest = 1e18 / *std::ranges::max_element(neuron.threshold);
    Buffer<R> scale(layout.pixel, R{1});
    for (std::size_t c = 0; c < layout.channels; ++c) {
      const double most = std::max(up[c], down[c]);
      if (most > 0) {
        const double fitting = (32767 - 0.5 * static_cast<double>(inputs)) / most;
        scale[c] = static_cast<R>(std::min(fitting, largest));
      }
    }
    return scale;
  }

  void finish_whole(Sum<R>& sum, const std::vector<Spec>& specs, NodePlan<R>& node) {
    const std::span<const R> scale(node.scale);
    const bool dense =
        std::ranges::all_of(specs, [](const Spec& spec) { return spec.kernel.conv.stride_y <= 2; });
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
    for (std::size_t c = 0; sum.constants.empty() && sum.folded.empty() && c < sum.bias.size();
         ++c) {
      sum.bias[c] *= scale[c];
    }
    const auto times = [&](Buffer<R>& values) {
      for (std::size_t k = 0; k < values.size(); ++k) {
        values[k] *= scale[k % node.layout.pixel];
      }
    };
    times(node.threshold);
    times(node.v_init);
    for (std::size_t k = 0; k < node.pace.size(); ++k) {
      node.pace[k] /= scale[k % node.layout.pixel];
    }
  }

  void set_neuron(std::size_t i, const Neuron& neuron) {
    NodePlan<R>& node = plan_.nodes[i];
    constexpr R never = std::numeric_limits<R>::max() / 4;  // of channels that are padding
    node.threshold = laid_out<R>(neuron.threshold, node.layout, never, node.threshold_everywhere);
    const std::size_t steps = neuron.pace.size() / node.layout.channels;
    node.pace.resize(steps * node.layout.pixel);
    node.limit.assign(steps * node.layout.pixel, never);
    for (std::size_t k = 0; k < neuron.pace.size(); ++k) {
      const std::size_t to =
          k / node.layout.channels * node.layout.pixel + k % node.layout.channels;
      node.pace[to] = static_cast<R>(neuron.pace[k]);
      node.limit[to] = static_cast<R>(std::min(neuron.limit[k], static_cast<double>(never)));
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

  bool whole_;
  typename Engine<R>::Plan& plan_;
  const Graph& graph_;
};

}  // namespace

template <class R>
std::unique_ptr<const typename Engine<R>::Plan> make_plan(
    const Graph& graph, InputForm form, bool signed_input, bool whole,
    std::span<const std::pair<std::size_t, What>> records) {
  auto plan = std::make_unique<typename Engine<R>::Plan>();
  for (const Node& node : graph) {
    check(plan->graph, node);
    plan->graph.push_back(node);
  }
  if (graph.empty()) {
    throw std::invalid_argument("a graph must have at least one node");
  }
  for (const auto& [node, what] : records) {
    if (node >= graph.size() ||
        (what == What::potential && !std::holds_alternative<Neuron>(graph[node].kind))) {
      throw std::invalid_argument("records must be of nodes, and potentials of neurons");
    }
  }
  plan->nodes.reserve(graph.size());
  plan->records.assign(records.begin(), records.end());
  Planner<R> planner(*plan, form, signed_input, whole);
  planner.need_dense(graph.size() - 1);
  for (const auto& [node, what] : records) {
    if (what == What::spikes && plan->nodes[node].form != Form::spikes) {
      throw std::invalid_argument("node " + std::to_string(node) + " sends no spikes to record");
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

template std::unique_ptr<const Engine<float>::Plan> make_plan<float>(
    const Graph&, InputForm, bool, bool, std::span<const std::pair<std::size_t, What>>);
template std::unique_ptr<const Engine<double>::Plan> make_plan<double>(
    const Graph&, InputForm, bool, bool, std::span<const std::pair<std::size_t, What>>);

}  // namespace spikelet::layers
