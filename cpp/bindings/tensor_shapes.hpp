// Tensors as layers of training get them: C-contiguous views whose results are written in place.
// Python checks arguments by name; these checks only keep reads and writes within bounds, as
// operators can be called directly.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace spikelet::train {

namespace py = pybind11;

template <class R>
using Tensor = py::array_t<R, py::array::c_style>;

inline std::size_t size_of(const py::array& array, int axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

inline void require(bool holds, const std::string& rule) {
  if (!holds) {
    throw std::invalid_argument(rule);
  }
}

inline void require_shape(const py::array& array, std::initializer_list<std::size_t> shape,
                          const char* layer) {
  bool same = static_cast<std::size_t>(array.ndim()) == shape.size();
  int axis = 0;
  for (const std::size_t n : shape) {
    same = same && size_of(array, axis++) == n;
  }
  require(same, std::string(layer) + ": shapes of the input, weights and outputs must match");
}

}  // namespace spikelet::train
