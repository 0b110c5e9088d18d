// Networks whose neurons fire at most once. layers/first_spike_program.py builds them.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "spikelet/first_spike/program.hpp"

namespace spikelet::first_spike {
namespace {

using py::literals::operator""_a;
using Two = std::array<std::size_t, 2>;
using Three = std::array<std::size_t, 3>;
template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

using Axis = std::pair<Array<std::size_t>, Array<std::int32_t>>;  // places and weights

template <class T>
std::vector<T> vector_of(const Array<T>& a) {
  return {a.data(), a.data() + a.size()};
}

Shape shape_of(const Three& s) { return {s[0], s[1], s[2]}; }

struct Builder {
  std::vector<Map> maps;
  std::vector<Input> inputs;
  std::vector<Operation> operations;
  Sum sum;  // the one that is being built

  std::size_t map(const Three& shape, const std::string& form, const Array<std::uint8_t>& zero) {
    const Form of = form == "bytes" ? Form::bytes : form == "words" ? Form::words : Form::sums;
    maps.push_back({shape_of(shape), of, vector_of(zero)});
    return maps.size() - 1;
  }
  void input(std::size_t map, const Array<float>& scale, std::int32_t low, std::int32_t high) {
    inputs.push_back({map, vector_of(scale), low, high});
  }
  void convolve(std::size_t map, const Array<std::int16_t>& weights, Two size, Two stride,
                Two dilation, Two before, std::size_t groups) {
    sum.terms.push_back(
        {map, Kernel{size[0], size[1], stride, dilation, before, groups, vector_of(weights)}});
  }
  void add(std::size_t map, const Array<std::int32_t>& gain) {
    sum.terms.push_back({map, vector_of(gain)});
  }
  // Ends the sum, at which neurons fire if they have units.
  void end(std::size_t output, const Array<std::int32_t>& bias, const Array<std::int32_t>& unit,
           std::int32_t high, const Array<std::int32_t>& zero, const Array<std::int16_t>& table) {
    if (unit.size() > 0) {
      sum.neurons =
          Neurons{vector_of(bias), vector_of(unit), high, vector_of(zero), vector_of(table)};
    }
    operations.push_back({output, std::exchange(sum, {})});
  }
  void pool(std::size_t map, std::size_t output, Two size, Two stride, Two dilation, Two before) {
    operations.push_back({output, Pool{map, {size, stride, dilation, before}}});
  }
  void mix(std::size_t map, std::size_t output, const Axis& rows, const Axis& columns) {
    operations.push_back({output, Mix{map,
                                      {vector_of(rows.first), vector_of(columns.first)},
                                      {vector_of(rows.second), vector_of(columns.second)}}});
  }
  void move(std::vector<std::size_t> from, std::size_t output, const Array<std::int64_t>& index) {
    operations.push_back({output, Move{std::move(from), vector_of(index)}});
  }
  std::unique_ptr<Program> program() const {
    return std::make_unique<Program>(maps, inputs, operations);
  }
};

// Returns the values of the maps, and of each operation the synaptic operations of its terms and
// its spikes.
py::tuple run(const Program& program, const std::vector<Array<float>>& inputs, std::size_t count,
              const std::vector<std::size_t>& wanted, int threads) {
  require_threads(threads);
  std::vector<const float*> from;
  const auto& maps = program.maps();
  if (inputs.size() != program.inputs().size()) {
    throw py::value_error("run needs an array for each input");
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::size_t size = maps[program.inputs()[i].map].shape.size();
    if (static_cast<std::size_t>(inputs[i].size()) / size != count ||
        static_cast<std::size_t>(inputs[i].size()) % size != 0) {
      throw py::value_error("inputs must be [count, channels, height, width]");
    }
    from.push_back(inputs[i].data());
  }
  py::list arrays;
  std::vector<std::int32_t*> out;
  for (const std::size_t w : wanted) {
    if (w >= maps.size()) {
      throw py::value_error("wanted must be maps");
    }
    const Shape& s = maps[w].shape;
    py::array_t<std::int32_t> array(std::vector<std::size_t>{count, s.channels, s.height, s.width});
    out.push_back(array.mutable_data());
    arrays.append(array);
  }
  std::vector<Work> work;
  {
    const py::gil_scoped_release release;
    work = program.run(from, count, threads, wanted, out);
  }
  std::vector<std::pair<std::vector<std::uint64_t>, std::uint64_t>> counts;
  for (const Work& each : work) {
    counts.emplace_back(each.operations, each.spikes);
  }
  return py::make_tuple(arrays, counts);
}

}  // namespace

void bind_first_spike(py::module_& m) {
  py::class_<Builder> builder(m, "FirstSpikeBuilder", "Builds a FirstSpikeProgram, call by call.");
  builder.def(py::init<>(), "Begin an empty program.")
      .def("map", &Builder::map, "shape"_a, "form"_a, "zero"_a,
           "Add a map of values, and return its number.")
      .def("input", &Builder::input, "number"_a, "scale"_a, "low"_a, "high"_a,
           "Make a map an input, which is scaled, rounded and limited.")
      .def("convolve", &Builder::convolve, "number"_a, "weights"_a, "size"_a, "stride"_a,
           "dilation"_a, "before"_a, "groups"_a, "Add a convolution of a map to the sum.")
      .def("add", &Builder::add, "number"_a, "gain"_a, "Add a map to the sum.")
      .def("end", &Builder::end, "output"_a, "bias"_a, "unit"_a, "high"_a, "zero"_a, "table"_a,
           "End the sum, at which neurons fire if they have units.")
      .def("pool", &Builder::pool, "number"_a, "output"_a, "size"_a, "stride"_a, "dilation"_a,
           "before"_a, "Pool a map: the earliest spikes.")
      .def("mix", &Builder::mix, "number"_a, "output"_a, "rows"_a, "columns"_a,
           "Add up values of a map, by places and weights along both axes, [output, values] each.")
      .def("move", &Builder::move, "from_"_a, "output"_a, "index"_a, "Move the values of maps.");
  py::class_<Program>(m, "FirstSpikeProgram",
                      "A network whose neurons fire at most once, in integers.")
      .def(py::init([](const Builder& from) { return from.program(); }), "builder"_a,
           "Make what a builder describes.")
      .def("run", &run, "inputs"_a, "count"_a, "wanted"_a, "threads"_a,
           "Return the values of maps, and of each operation the synaptic operations of its terms "
           "and its spikes.");
  builder.def("program", &Builder::program, "Return the program.");
}

}  // namespace spikelet::first_spike
