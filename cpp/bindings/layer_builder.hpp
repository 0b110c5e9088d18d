// Builds the graph of a layered network node by node.
#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <cstddef>
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

// Movements, weights between pixels, constants and graded units.
void bind_graded_nodes(py::module_& m, py::class_<Builder>& graph);

}  // namespace spikelet::layers
