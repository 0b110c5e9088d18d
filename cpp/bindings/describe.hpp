// What an engine computes, as lists and dicts of Python.
#pragma once

#include <pybind11/pybind11.h>

#include <vector>

#include "spikelet/layers/description.hpp"

namespace spikelet::layers {

pybind11::list described(const Graph& graph, const std::vector<NodeDescription>& nodes);

}  // namespace spikelet::layers
