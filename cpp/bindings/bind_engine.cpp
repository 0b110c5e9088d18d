// The engine of layered networks. Python builds a graph node by node; spiking_model.py checks
// arguments.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "describe.hpp"
#include "enums.hpp"
#include "layer_builder.hpp"
#include "spikelet/layers/engine.hpp"

namespace spikelet::layers {
namespace {

using py::literals::operator""_a;
using Three = std::array<std::size_t, 3>;

// Node, whether limits bound its change (or its margin), checks, limits, and whether to keep the
// means at the checks.
using Stop = std::tuple<std::size_t, bool, Ids, Doubles, bool>;

template <class R>
struct Runner {
  using Records = std::vector<std::pair<std::size_t, What>>;
  Graph graph;
  Records kept;
  Engine<R> engine;

  Runner(Builder& builder, bool whole, Records records, const Doubles& sizes)
      : graph(builder.copy()),
        kept(std::move(records)),
        engine(graph, whole, kept, as_vector(sizes)) {}

  // One input, whose array must have the type and the size of its form.
  Given<R> given(std::size_t k, const py::array& x, std::size_t count, std::size_t steps) const {
    const auto* input = k < graph.size() ? std::get_if<Input>(&graph[k].kind) : nullptr;
    if (input == nullptr) {
      throw py::value_error("x must have one array for each input of the network");
    }
    const InputForm form = input->form;
    const bool spikes = form == InputForm::spikes, packed = form == InputForm::packed;
    if (!(spikes   ? py::isinstance<py::array_t<std::int8_t>>(x)
          : packed ? py::isinstance<py::array_t<std::uint8_t>>(x)
                   : py::isinstance<py::array_t<R>>(x))) {
      throw py::type_error("x must be int8 spikes, uint8 packed spikes, or of the engine's type");
    }
    // Sizes are compared by division: their product may overflow.
    auto left = static_cast<std::size_t>(x.size());
    const std::size_t size = packed ? engine.packed_size(k, steps) : graph[k].shape.size();
    const std::size_t times = spikes || form == InputForm::sequence ? steps : 1;
    if ((x.flags() & py::array::c_style) == 0 || size == 0 || left % size != 0 || times == 0 ||
        left / size % times != 0 || left / size / times != count) {
      throw py::value_error(
          "x must be contiguous, [count, ...], [steps, count, ...] or packed [count, bytes]");
    }
    if (spikes) {
      return {nullptr, static_cast<const std::int8_t*>(x.data()), nullptr};
    }
    if (packed) {
      return {nullptr, nullptr, static_cast<const std::uint8_t*>(x.data())};
    }
    return {static_cast<const R*>(x.data()), nullptr, nullptr};
  }

  // Returns the number of samples done, the arrays of the records and counts [nodes, 3].
  py::tuple run(const std::vector<py::array>& inputs, std::size_t count, std::size_t steps,
                std::size_t delay, int threads, const py::object& keep_going,
                const std::optional<Stop>& stop) const {
    Batch<R> batch;
    batch.count = count;
    batch.steps = steps;
    batch.delay = delay;
    if (stop) {
      batch.until =
          Until{std::get<0>(*stop), std::get<1>(*stop) ? Until::Of::change : Until::Of::margin,
                std::get<2>(*stop), as_vector(std::get<3>(*stop))};
    }
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      batch.inputs.push_back(given(k, inputs[k], count, steps));
    }
    engine.check(batch, threads);  // before there are arrays of `steps`
    py::list arrays;
    std::vector<Record<R>> records;
    for (const auto& [node, what] : kept) {
      Record<R> record{node, what};
      if (what == What::packed) {
        py::array_t<std::uint8_t> array({count, engine.packed_size(node, steps)});
        record.packed = array.mutable_data();
        arrays.append(array);
        records.push_back(record);
        continue;
      }
      const Extent& e = graph[node].shape;
      std::vector<py::ssize_t> shape;
      if (what != What::mean) {
        shape.push_back(static_cast<py::ssize_t>(steps));
      }
      for (const std::size_t n : {count, e.channels, e.height, e.width}) {
        shape.push_back(static_cast<py::ssize_t>(n));
      }
      if (what == What::spikes && engine.packed_input(node).levels == 1) {
        py::array_t<std::int8_t> array(shape);
        record.whole = array.mutable_data();
        arrays.append(array);
      } else {
        py::array_t<R> array(shape);
        record.out = array.mutable_data();
        arrays.append(array);
      }
      records.push_back(record);
    }
    std::vector<NodeCounts> counts(graph.size());
    std::function<bool(std::size_t)> ask;
    if (!keep_going.is_none()) {
      ask = [&keep_going](std::size_t done) {
        const py::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() != 0) {
          throw py::error_already_set();
        }
        return keep_going(done).cast<bool>();
      };
    }
    py::array_t<R> so_far;
    if (stop && std::get<4>(*stop)) {
      const Extent& e = graph[batch.until->node].shape;
      so_far = py::array_t<R>(std::vector<std::size_t>{batch.until->checks.size(), count,
                                                       e.channels, e.height, e.width});
      batch.so_far = so_far.mutable_data();
    }
    py::array_t<std::int64_t> steps_taken(static_cast<py::ssize_t>(count));
    const std::span<std::int64_t> taken{steps_taken.mutable_data(), count};
    std::size_t done = 0;
    {
      const py::gil_scoped_release release;
      done = engine.run(batch, records, threads, counts, taken, ask);
    }
    py::array_t<std::uint64_t> totals({static_cast<py::ssize_t>(graph.size()), py::ssize_t{3}});
    auto out = totals.mutable_unchecked<2>();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto row = static_cast<py::ssize_t>(i);
      out(row, 0) = counts[i].spikes;
      out(row, 1) = counts[i].additions;
      out(row, 2) = counts[i].products;
    }
    return py::make_tuple(done, arrays, totals, steps_taken, so_far);
  }
};

template <class R>
void bind_runner(py::module_& m, const char* name, const char* doc) {
  py::class_<Runner<R>>(m, name, doc)
      .def(py::init<Builder&, bool, typename Runner<R>::Records, const Doubles&>(),
           py::arg("graph"), py::arg("whole"), py::arg("records"), py::arg("sizes"),
           "An engine that records the given quantities of nodes. whole: weights between spiking "
           "layers are rounded to 16 bits. sizes: of spikes, by step, or empty.")
      .def(
          "form", [](const Runner<R>& r, std::size_t node) { return r.engine.form(node); },
          py::arg("node"), "How the values of a node are held.")
      .def(
          "packed_input",
          [](const Runner<R>& r, std::size_t node) {
            Input input = r.engine.packed_input(node);
            return py::make_tuple(to_array(std::move(input.amplitude)), input.is_signed,
                                  input.differential, input.levels, input.level_ratio);
          },
          py::arg("node"),
          "What `LayerGraph.input` needs to take the packed spikes of a node: amplitude, "
          "is_signed, "
          "differential, levels and level_ratio.")
      .def(
          "run", &Runner<R>::run, py::arg("inputs"), py::arg("count"), py::arg("steps"),
          py::arg("delay"), py::arg("threads"), py::arg("keep_going"),
          py::arg("until") = py::none(),
          "Run `count` samples for `steps` steps, with an array for each input; means leave out "
          "the first `delay` steps. "
          "`keep_going(done)` is called occasionally and may stop the run. until: a node, whether "
          "limits bound its margin or its change, the steps of checks, the limit of each, "
          "and whether to return the means at the checks. "
          "Returns the number of samples done, the records, spikes, additions and products of each "
          "node, the steps of each sample, and means [checks, count, ...].")
      .def(
          "is_anytime", [](const Runner<R>& r) { return r.engine.is_anytime(); },
          "Whether the mean output so far is one of the whole network at each step.")
      .def(
          "describe",
          [](const Runner<R>& runner) { return described(runner.graph, runner.engine.describe()); },
          "What is computed of each node, with the numbers of the engine: see "
          "layers/description.hpp.");
}

}  // namespace

std::optional<Activation> field(const Followed& given) {
  if (!given) {
    return {};
  }
  const auto& [function, alpha, beta] = *given;
  return Activation{function, as_vector(alpha), as_vector(beta)};
}

std::optional<Dynamics> field(const Coefficients& given) {
  if (!given) {
    return {};
  }
  const auto& [reset, values, strict, later] = *given;
  Dynamics d{reset, {}, strict, later};
  std::ranges::transform(values, d.values.begin(), as_vector<double>);
  return d;
}

void bind_engine(py::module_& m) {
  py::class_<Builder> graph(m, "LayerGraph",
                            "The graph of a layered network, built node by node in the order of "
                            "data flow. Each method adds a node and returns its number.");
  graph.def(py::init<>(), "An empty graph.")
      .def(
          "input",
          [](Builder& b, const Shape& shape, InputForm form, const Doubles& amplitude,
             bool is_signed, bool differential, int levels, double level_ratio) {
            return b.add(
                {Input{form, as_vector(amplitude), is_signed, differential, levels, level_ratio},
                 {},
                 extent(shape)});
          },
          py::arg("shape"), py::arg("form"), py::arg("amplitude"), py::arg("is_signed"),
          py::arg("differential"), py::arg("levels"), py::arg("level_ratio") = 0.5,
          "An input, and the code of its spikes. All inputs come before other nodes.")
      .def(
          "conv",
          [](Builder& b, std::size_t source, const Shape& shape, const Doubles& weight,
             const Doubles& bias, Three stride, Three dilation, Three padding, std::size_t groups,
             std::size_t in_depth, std::size_t out_depth,
             const std::optional<Array<std::uint32_t>>& uses) {
            if (weight.ndim() != 5) {
              throw py::value_error("weight must have 5 dimensions");
            }
            const auto size = [&](int axis) {
              return static_cast<std::size_t>(weight.shape(axis));
            };
            Conv conv;
            conv.weights = as_vector(weight);
            conv.bias = as_vector(bias);
            conv.kernel_depth = size(2);
            conv.kernel_height = size(2) * size(3);
            conv.kernel_width = size(4);
            std::tie(conv.stride_z, conv.stride_y, conv.stride_x) = std::tuple_cat(stride);
            std::tie(conv.dilation_z, conv.dilation_y, conv.dilation_x) = std::tuple_cat(dilation);
            std::tie(conv.front, conv.top, conv.left) = std::tuple_cat(padding);
            conv.groups = groups;
            conv.in_depth = in_depth;
            conv.out_depth = out_depth;
            if (uses) {
              conv.uses = as_vector(*uses);
            }
            return b.add({std::move(conv), {source}, extent(shape)});
          },
          py::arg("source"), py::arg("shape"), py::arg("weight"), py::arg("bias"),
          py::arg("stride"), py::arg("dilation"), py::arg("padding"), py::arg("groups"),
          py::arg("in_depth") = 1, py::arg("out_depth") = 1, py::arg("uses") = py::none(),
          "A convolution with weight [out, in / groups, depth, height, width], stride, dilation "
          "and "
          "padding (front, top, left); `bias` may be empty. Rows of volumes are (depth, height). A "
          "linear layer is one whose kernel covers its input. `uses` says how often operations "
          "count each input, if that is not once.")
      .def("close", &Builder::close, py::arg("delay"), py::arg("source"),
           "Name the source of a delay, which may be a later node.")
      .def(
          "__len__", [](Builder& b) { return b.graph.brief()->size(); }, "The number of nodes.")
      .def(
          "shape",
          [](Builder& b, std::size_t node) {
            const Extent e = b.graph.brief()->at(node).shape;
            return py::make_tuple(e.channels, e.height, e.width);
          },
          py::arg("node"), "Channels, height and width of a node.")
      .def(
          "dense_operations",
          [](Builder& b, std::size_t node) {
            auto use = b.graph.brief();
            return dense_operations(*use, node);
          },
          py::arg("node"), "Multiplications at one step if no input is 0.");
  one<AveragePool, Spans, Spans>(
      graph, "average", "rows"_a, "columns"_a,
      "Average pooling over windows (begins, ends, step, divisors) of rows and columns.");
  one<MaxPool, Spans, Spans, bool>(
      graph, "maximum", "rows"_a, "columns"_a, "of_counts"_a,
      "Max pooling of each step, or of the counts so far (`of_counts`).");
  several<Add>(graph, "add", "The sum of several nodes.");
  several<Concat>(graph, "concat", "The channels of several nodes, concatenated.");
  one<Upsample, std::size_t, std::size_t>(graph, "upsample", "y"_a, "x"_a, "Each pixel repeated.");
  one<Affine, Doubles, Doubles>(graph, "affine", "scale"_a, "shift"_a,
                                "scale x + shift, by channel or by value.");
  one<Relu, Doubles, int>(
      graph, "relu", "upper"_a, "levels"_a,
      "max(0, x), limited to `upper` unless that is empty, in `levels` steps unless 0.");
  one<Neuron, Doubles, Doubles, Doubles, bool, double, double, double, bool, bool, int, Doubles,
      Doubles, Doubles, Followed, Doubles, Doubles, double, Coefficients>(
      graph, "neuron", "threshold"_a, "v_init"_a, "amplitude"_a, "hard"_a, "v_reset"_a, "decay"_a,
      "gain"_a, "is_signed"_a, "differential"_a, "levels"_a, "pace"_a, "limit"_a, "ceiling"_a,
      "activation"_a, "offset"_a, "scale"_a, "level_ratio"_a, "dynamics"_a,
      "Spiking neurons: v = decay v + gain x. hard: reset to v_reset, else subtract the threshold. "
      "pace, limit and ceiling (or none) [steps, channels] of predictive neurons, else empty. With "
      "an activation (function, alpha, beta), pairs follow scale f(pace S + offset). dynamics: "
      "reset; decay, gain, drive, syn_decay, syn_gain, pull, v_reset, adapt_decay and boost, by "
      "channel or by neuron, or empty; strict: spike above the threshold; later: subtract in the "
      "step after the spike. They take the place of hard, v_reset, decay and gain; with them, an "
      "empty threshold: neurons send their potential.");
  several<Delay, Places>(graph, "delay", "steps"_a,
                         "Values of earlier steps. Without a source, `close` names it later.");
  one<Delayed, Doubles, Places, Doubles>(graph, "delayed", "weights"_a, "delays"_a, "bias"_a,
                                         "A fully connected layer, weights [out, in], whose inputs "
                                         "arrive delays [out, in] steps later.");
  bind_graded_nodes(m, graph);
  bind_runner<float>(m, "LayerEngine32", "Runs a graph in single precision.");
  bind_runner<double>(m, "LayerEngine64", "Runs a graph in double precision.");
}

}  // namespace spikelet::layers
