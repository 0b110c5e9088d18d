// The parts of the simulator's binding, once for each precision.
//
// Each method asks for the parts of the network (Guarded), and what takes long releases the
// interpreter lock first. No method may call Python, and so make an object of it, while it holds
// the parts, as Python may run other code then that needs them: first it copies what it returns.

#pragma once

#include <pybind11/stl.h>

#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/network/simulator.hpp"

namespace spikelet {

inline ParameterValues as_parameters(const std::vector<Array<double>>& arrays) {
  ParameterValues values;
  for (const auto& array : arrays) {
    values.push_back(as_vector(array));
  }
  return values;
}

// The same from numbers, which most parameters are, and arrays.
inline ParameterValues as_parameters(const py::sequence& given) {
  ParameterValues values;
  values.reserve(given.size());
  for (const py::handle value : given) {
    if (PyFloat_CheckExact(value.ptr())) {
      values.push_back({PyFloat_AS_DOUBLE(value.ptr())});
    } else {
      values.push_back(as_vector(value.cast<Array<double>>()));
    }
  }
  return values;
}

// The same where they lie, as long as this lives.
class GivenParameters {
 public:
  explicit GivenParameters(const py::sequence& given) {
    numbers_.reserve(given.size());
    for (const py::handle value : given) {
      if (PyFloat_CheckExact(value.ptr())) {
        views_.push_back({&numbers_.emplace_back(PyFloat_AS_DOUBLE(value.ptr())), 1});
      } else {
        views_.push_back(as_span(arrays_.emplace_back(value.cast<Array<double>>())));
      }
    }
  }
  GivenParameters(const GivenParameters&) = delete;
  GivenParameters& operator=(const GivenParameters&) = delete;
  const ParameterViews& views() const { return views_; }

 private:
  std::vector<double> numbers_;
  std::vector<Array<double>> arrays_;
  ParameterViews views_;
};

template <class R>
void bind_building(py::class_<Simulator<R>>& simulator);
template <class R>
void bind_injection(py::class_<Simulator<R>>& simulator);
template <class R>
void bind_neurons(py::class_<Simulator<R>>& simulator);
template <class R>
void bind_synapses(py::class_<Simulator<R>>& simulator);
template <class R>
void bind_recorders(py::class_<Simulator<R>>& simulator);

}  // namespace spikelet
