// Maxima of windows.
#include <pybind11/stl.h>

#include <array>
#include <cstdint>

#include "bindings.hpp"
#include "spikelet/train/pool.hpp"
#include "tensor_shapes.hpp"

namespace spikelet::train {
namespace {

// x [image, row, column, channel]
template <class R>
PoolShape pool_shape(const Tensor<R>& x, const Tensor<R>& y, const Tensor<std::uint8_t>& place,
                     std::array<std::size_t, 2> window, int threads) {
  const char* const rule = "max_pool: shapes of the input, the maxima and places must match";
  require(x.ndim() == 4 && y.ndim() == 4 && place.ndim() == 4 && threads > 0, rule);
  require(window[0] > 0 && window[1] > 0 && window[0] <= most_places &&
              window[0] * window[1] <= most_places,
          rule);
  const PoolShape shape{size_of(x, 0), size_of(x, 3), size_of(x, 1),
                        size_of(x, 2), window[0],     window[1]};
  for (const py::array& out : {py::array(y), py::array(place)}) {
    require(size_of(out, 0) == shape.images && size_of(out, 1) == shape.out_height() &&
                size_of(out, 2) == shape.out_width() && size_of(out, 3) == shape.channels,
            rule);
  }
  return shape;
}

template <class R>
void bind_pool_of(py::module_& m) {
  using Places = Tensor<std::uint8_t>;
  using Window = std::array<std::size_t, 2>;
  m.def(
      "max_pool",
      [](const Tensor<R>& x, Tensor<R>& y, Places& place, Window window, int threads) {
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
      [](const Tensor<R>& by_y, const Places& place, Tensor<R>& by_x, Window window, int threads) {
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
