// Bindings of the engine of layered networks. A graph is built node by node; arguments are checked
// in spiking_model.py.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "array.hpp"
#include "spikelet/layers/engine.hpp"

namespace py = pybind11;
using namespace spikelet;
using namespace spikelet::layers;

namespace {

using Doubles = Array<double>;
using Ids = std::vector<std::size_t>;

struct Builder {
  Graph graph;

  std::size_t add(Node node) {
    graph.push_back(std::move(node));
    return graph.size() - 1;
  }
};

Extent extent(const std::array<std::size_t, 3>& shape) { return {shape[0], shape[1], shape[2]}; }

Windows windows(const std::pair<Ids, Ids>& from_to, std::vector<double> divisors) {
  return {from_to.first, from_to.second, std::move(divisors)};
}

What what_of(const std::string& name) {
  return name == "spikes"      ? What::spikes
         : name == "potential" ? What::potential
         : name == "mean"      ? What::mean
                               : What::value;
}

template <class R>
struct Runner {
  Graph graph;
  std::vector<std::pair<std::size_t, What>> kept;
  Engine<R> engine;

  Runner(const Builder& builder, const std::string& form, bool signed_input, bool whole,
         const std::vector<std::pair<std::size_t, std::string>>& records)
      : graph(builder.graph),
        kept(names(records)),
        engine(graph,
               form == "constant"   ? InputForm::constant
               : form == "sequence" ? InputForm::sequence
                                    : InputForm::spikes,
               signed_input, whole, kept) {}

  static std::vector<std::pair<std::size_t, What>> names(
      const std::vector<std::pair<std::size_t, std::string>>& records) {
    std::vector<std::pair<std::size_t, What>> out;
    for (const auto& [node, what] : records) {
      out.emplace_back(node, what_of(what));
    }
    return out;
  }

  // Returns how many samples were run, the arrays of the records and [nodes, 3] counts.
  py::tuple run(const py::array& input, std::size_t count, std::size_t steps, std::size_t delay,
                int threads, const py::object& keep_going) const {
    Batch<R> batch;
    batch.count = count;
    batch.steps = steps;
    batch.delay = delay;
    if (py::isinstance<py::array_t<std::int8_t>>(input)) {
      batch.spikes = static_cast<const std::int8_t*>(input.data());
    } else {
      batch.analog = static_cast<const R*>(input.data());
    }
    py::list arrays;
    std::vector<Record<R>> records;
    for (const auto& [node, what] : kept) {
      const Extent& e = graph[node].shape;
      std::vector<py::ssize_t> shape;
      if (what != What::mean) {
        shape.push_back(static_cast<py::ssize_t>(steps));
      }
      for (const std::size_t n : {count, e.channels, e.height, e.width}) {
        shape.push_back(static_cast<py::ssize_t>(n));
      }
      Record<R> record{node, what};
      const auto* neuron = std::get_if<Neuron>(&graph[node].kind);
      if (what == What::spikes && (neuron == nullptr || neuron->levels == 1)) {
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
    std::size_t done = 0;
    {
      const py::gil_scoped_release release;
      done = engine.run(batch, records, threads, counts, ask);
    }
    py::array_t<std::uint64_t> totals({static_cast<py::ssize_t>(graph.size()), py::ssize_t{3}});
    auto out = totals.mutable_unchecked<2>();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto row = static_cast<py::ssize_t>(i);
      out(row, 0) = counts[i].spikes;
      out(row, 1) = counts[i].additions;
      out(row, 2) = counts[i].products;
    }
    return py::make_tuple(done, arrays, totals);
  }
};

template <class R>
void bind_runner(py::module_& m, const char* name) {
  py::class_<Runner<R>>(m, name)
      .def(py::init<const Builder&, const std::string&, bool, bool,
                    const std::vector<std::pair<std::size_t, std::string>>&>())
      .def("run", &Runner<R>::run);
}

}  // namespace

void bind_engine(py::module_& m) {
  using Shape = std::array<std::size_t, 3>;
  py::class_<Builder>(m, "LayerGraph")
      .def(py::init<>())
      .def("input", [](Builder& b, const Shape& shape,
                       double amplitude) { return b.add({Input{amplitude}, {}, extent(shape)}); })
      .def("conv",
           [](Builder& b, std::size_t from, const Shape& shape, const Doubles& weight,
              const Doubles& bias, std::array<std::size_t, 2> stride,
              std::array<std::size_t, 2> dilation, std::array<std::size_t, 2> padding,
              std::size_t groups) {
             Conv conv{as_vector(weight),
                       as_vector(bias),
                       static_cast<std::size_t>(weight.shape(2)),
                       static_cast<std::size_t>(weight.shape(3)),
                       stride[0],
                       stride[1],
                       dilation[0],
                       dilation[1],
                       padding[0],
                       padding[1],
                       groups};
             return b.add({std::move(conv), {from}, extent(shape)});
           })
      .def("average",
           [](Builder& b, std::size_t from, const Shape& shape, const std::pair<Ids, Ids>& rows,
              const std::pair<Ids, Ids>& columns, std::vector<double> row_divisors,
              std::vector<double> column_divisors) {
             return b.add({AveragePool{windows(rows, std::move(row_divisors)),
                                       windows(columns, std::move(column_divisors))},
                           {from},
                           extent(shape)});
           })
      .def("maximum",
           [](Builder& b, std::size_t from, const Shape& shape, const std::pair<Ids, Ids>& rows,
              const std::pair<Ids, Ids>& columns, bool of_counts) {
             return b.add({MaxPool{windows(rows, {}), windows(columns, {}), of_counts},
                           {from},
                           extent(shape)});
           })
      .def("add", [](Builder& b, const Ids& from,
                     const Shape& shape) { return b.add({Add{}, from, extent(shape)}); })
      .def("concat", [](Builder& b, const Ids& from,
                        const Shape& shape) { return b.add({Concat{}, from, extent(shape)}); })
      .def("upsample",
           [](Builder& b, std::size_t from, const Shape& shape, std::array<std::size_t, 2> factor) {
             return b.add({Upsample{factor[0], factor[1]}, {from}, extent(shape)});
           })
      .def("affine",
           [](Builder& b, std::size_t from, const Shape& shape, const Doubles& scale,
              const Doubles& shift) {
             return b.add({Affine{as_vector(scale), as_vector(shift)}, {from}, extent(shape)});
           })
      .def("flatten", [](Builder& b, std::size_t from,
                         const Shape& shape) { return b.add({Flatten{}, {from}, extent(shape)}); })
      .def("relu",
           [](Builder& b, std::size_t from, const Shape& shape, const Doubles& upper, int levels) {
             return b.add({Relu{as_vector(upper), levels}, {from}, extent(shape)});
           })
      .def("neuron",
           [](Builder& b, std::size_t from, const Shape& shape, const Doubles& threshold,
              const Doubles& v_init, const Doubles& amplitude, bool hard, double v_reset,
              double decay, double gain, bool is_signed, bool differential, int levels,
              const Doubles& pace, const Doubles& limit) {
             Neuron neuron{as_vector(threshold),
                           as_vector(v_init),
                           as_vector(amplitude),
                           hard,
                           v_reset,
                           decay,
                           gain,
                           is_signed,
                           differential,
                           levels,
                           as_vector(pace),
                           as_vector(limit)};
             return b.add({std::move(neuron), {from}, extent(shape)});
           })
      .def("__len__", [](const Builder& b) { return b.graph.size(); })
      .def("dense_operations",
           [](const Builder& b, std::size_t node) { return dense_operations(b.graph, node); });
  bind_runner<float>(m, "LayerEngine32");
  bind_runner<double>(m, "LayerEngine64");
}
