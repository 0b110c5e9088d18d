// Maxima of windows. torch/pool.py checks arguments; the checks here only keep reads and writes
// within bounds.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <stdexcept>

#include "bindings.hpp"
#include "spikelet/train/pool.hpp"

namespace spikelet::train {
namespace {

template <class T>
using Pixels = py::array_t<T, py::array::c_style>;  // [image, row, column, channel]

template <class R>
PoolShape pool_shape(const Pixels<R>& x, const Pixels<R>& y, const Pixels<std::uint8_t>& place,
                     std::array<std::size_t, 2> window, int threads) {
  const auto fail = [](bool wrong) {
    if (wrong) {
      throw std::invalid_argument(
          "max_pool: shapes of the input, the maxima and places must match");
    }
  };
  fail(x.ndim() != 4 || y.ndim() != 4 || place.ndim() != 4 || threads < 1);
  const auto size = [](const py::array& a, int axis) {
    return static_cast<std::size_t>(a.shape(axis));
  };
  fail(window[0] == 0 || window[1] == 0 || window[0] > most_places ||
       window[0] * window[1] > most_places);
  const PoolShape shape{size(x, 0), size(x, 3), size(x, 1), size(x, 2), window[0], window[1]};
  for (const py::array& out : {py::array(y), py::array(place)}) {
    fail(size(out, 0) != shape.images || size(out, 1) != shape.out_height() ||
         size(out, 2) != shape.out_width() || size(out, 3) != shape.channels);
  }
  return shape;
}

template <class R>
void bind_pool_of(py::module_& m) {
  using Places = Pixels<std::uint8_t>;
  using Window = std::array<std::size_t, 2>;
  m.def(
      "max_pool",
      [](const Pixels<R>& x, Pixels<R>& y, Places& place, Window window, int threads) {
        const PoolShape shape = pool_shape(x, y, place, window, threads);
        R* out = y.mutable_data();
        std::uint8_t* at = place.mutable_data();
        const py::gil_scoped_release release;
        max_pool(shape, x.data(), out, at, threads);
      },
      py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("place").noconvert(),
      py::arg("window"), py::arg("threads"),
      "Write the maxima of windows, and the place of each in its window.");
  m.def(
      "max_pool_spread",
      [](const Pixels<R>& by_y, const Places& place, Pixels<R>& by_x, Window window, int threads) {
        const PoolShape shape = pool_shape(by_x, by_y, place, window, threads);
        R* out = by_x.mutable_data();
        const py::gil_scoped_release release;
        max_pool_spread(shape, by_y.data(), place.data(), out, threads);
      },
      py::arg("by_y").noconvert(), py::arg("place").noconvert(), py::arg("by_x").noconvert(),
      py::arg("window"), py::arg("threads"), "Write by_y at the places, and 0 elsewhere.");
}

}  // namespace

void bind_pool(py::module_& m) {
  bind_pool_of<float>(m);
  bind_pool_of<double>(m);
}

}  // namespace spikelet::train
