// All conversion between numpy arrays and the core's vectors. Inputs are read-only and may be
// converted (c_style, forcecast); results are fresh arrays that own their memory, or read-only
// views that share it.
#pragma once

#include <pybind11/numpy.h>

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace spikelet {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style | py::array::forcecast>;

template <class T>
std::span<const T> as_span(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

template <class T>
std::vector<T> as_vector(const Array<T>& array) {
  return {array.data(), array.data() + array.size()};
}

// Moves a vector into an array; no copy.
template <class V>
py::array_t<typename V::value_type> to_array(V&& values, std::vector<py::ssize_t> shape = {}) {
  auto owner = std::make_unique<V>(std::move(values));
  if (shape.empty()) {
    shape.push_back(static_cast<py::ssize_t>(owner->size()));
  }
  auto* data = owner->data();
  py::capsule base(owner.release(), [](void* p) { delete static_cast<V*>(p); });
  return py::array_t<typename V::value_type>(std::move(shape), data, base);
}

// A read-only view of `values`, which `owner` keeps alive; no copy.
template <class Owner, class Values>
auto view_of(const std::shared_ptr<const Owner>& owner, const Values& values) {
  using Held = std::shared_ptr<const Owner>;
  const py::capsule base(new Held(owner), [](void* p) { delete static_cast<Held*>(p); });
  py::array_t<typename Values::value_type> view(static_cast<py::ssize_t>(values.size()),
                                                values.data(), base);
  view.attr("flags").attr("writeable") = false;
  return view;
}

}  // namespace spikelet
