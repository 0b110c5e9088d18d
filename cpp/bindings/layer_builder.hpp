// Builds the graph of a layered network node by node.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "array.hpp"
#include "spikelet/core/guarded.hpp"
#include "spikelet/layers/graph.hpp"

namespace spikelet::layers {

namespace py = pybind11;

using Doubles = Array<double>;
using Ids = std::vector<std::size_t>;
using Shape = std::array<std::size_t, 3>;

struct Builder {
  Guarded<Graph> graph{"the graph", "build it again"};

  std::size_t add(Node node) {
    auto use = graph.brief();
    check(*use, node);
    use->push_back(std::move(node));
    return use->size() - 1;
  }
  // Gives a delay that has none its input.
  void close(std::size_t delay, std::size_t source) {
    auto use = graph.brief();
    Node& node = use->at(delay);
    if (!std::holds_alternative<Delay>(node.kind) || !node.inputs.empty()) {
      throw py::value_error("only a delay without a source can be closed");
    }
    node.inputs.push_back(source);
  }
  Graph copy() {
    auto use = graph.brief();
    return *use;
  }
};

inline Extent extent(const Shape& shape) { return {shape[0], shape[1], shape[2]}; }

// Windows as begin, end, step and divisors; (outer, n, inner) of an axis; a function with its
// parameters; and a reset with the coefficients of Dynamics in their order, strict and later.
using Spans = std::tuple<Ids, Ids, std::size_t, std::vector<double>>;
using Places = Array<std::uint32_t>;
using Followed = std::optional<std::tuple<Function, Doubles, Doubles>>;
using Coefficients = std::optional<
    std::tuple<Dynamics::Reset, std::array<Doubles, Dynamics::parameters>, bool, bool>>;

// The field of a node that an argument gives.
template <class T>
const T& field(const T& value) {
  return value;
}
template <class T>
std::vector<T> field(const Array<T>& values) {
  return as_vector(values);
}
inline Windows field(const Spans& spans) {
  const auto& [begin, end, step, divisor] = spans;
  return {begin, end, divisor, step};
}
inline Axis field(const Shape& axis) { return {axis[0], axis[1], axis[2]}; }
std::optional<Activation> field(const Followed& given);
std::optional<Dynamics> field(const Coefficients& given);

// Adds a method that makes a node of a kind from its source, its shape and its fields. `about`: the
// names of the fields, and a description.
template <class Kind, class... Fields, class... About>
void one(py::class_<Builder>& graph, const char* name, const About&... about) {
  graph.def(
      name,
      [](Builder& b, std::size_t source, const Shape& shape, const Fields&... fields) {
        return b.add({Kind{field(fields)...}, {source}, extent(shape)});
      },
      py::arg("source"), py::arg("shape"), about...);
}
// The same with several sources.
template <class Kind, class... Fields, class... About>
void several(py::class_<Builder>& graph, const char* name, const About&... about) {
  graph.def(
      name,
      [](Builder& b, const Ids& sources, const Shape& shape, const Fields&... fields) {
        return b.add({Kind{field(fields)...}, sources, extent(shape)});
      },
      py::arg("sources"), py::arg("shape"), about...);
}

// Movements, weights between pixels, constants and graded units.
void bind_graded_nodes(py::module_& m, py::class_<Builder>& graph);

}  // namespace spikelet::layers
