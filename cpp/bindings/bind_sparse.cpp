// Bindings of linear and convolutional layers over sparse inputs. Arrays are C-contiguous views of
// tensors and are written in place; shapes are checked in torch/sparse.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "spikelet/train/sparse.hpp"

namespace py = pybind11;
using namespace spikelet;

namespace {

template <class R>
using In = py::array_t<R, py::array::c_style>;
template <class R>
using Out = py::array_t<R, py::array::c_style>;

std::size_t size_of(const py::array& array, int axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

template <class R>
const R* data_of(const std::optional<In<R>>& array) {
  return array ? array->data() : nullptr;
}

// Geometry of a convolution: groups, then stride, padding and dilation as (height, width).
using Pair = std::array<std::size_t, 2>;
train::ConvShape conv_shape(const py::array& x, const py::array& weight, const py::array& y,
                            bool channels_last, std::size_t groups, Pair stride, Pair padding,
                            Pair dilation) {
  const int c = channels_last ? 3 : 1;
  const int h = channels_last ? 1 : 2;
  return {.images = size_of(x, 0),
          .channels = size_of(x, c),
          .outputs = size_of(y, 3),
          .groups = groups,
          .input = {size_of(x, h), size_of(x, h + 1)},
          .output = {size_of(y, 1), size_of(y, 2)},
          .kernel = {size_of(weight, 2), size_of(weight, 3)},
          .stride = {stride[0], stride[1]},
          .padding = {padding[0], padding[1]},
          .dilation = {dilation[0], dilation[1]},
          .channels_last = channels_last};
}

template <class R>
void bind(py::module_& m) {
  m.def(
      "activity",
      [](const In<R>& x, int threads) {
        train::Activity found;
        {
          const py::gil_scoped_release release;
          found = train::activity(x.data(), static_cast<std::size_t>(x.size()), threads);
        }
        return py::make_tuple(found.active, found.finite);
      },
      py::arg("x").noconvert(), py::arg("threads"));
  m.def(
      "sparse_linear",
      [](const In<R>& x, const In<R>& weight, const std::optional<In<R>>& bias, Out<R>& y,
         int threads) {
        const train::LinearShape shape{size_of(x, 0), size_of(x, 1), size_of(weight, 0)};
        R* out = y.mutable_data();
        const py::gil_scoped_release release;
        train::sparse_linear(shape, x.data(), weight.data(), data_of(bias), out, threads);
      },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("bias").noconvert(),
      py::arg("y").noconvert(), py::arg("threads"));
  m.def(
      "sparse_linear_weight",
      [](const In<R>& x, const In<R>& grad_y, Out<R>& grad_weight, int threads) {
        const train::LinearShape shape{size_of(x, 0), size_of(x, 1), size_of(grad_y, 1)};
        R* out = grad_weight.mutable_data();
        const py::gil_scoped_release release;
        train::sparse_linear_weight(shape, x.data(), grad_y.data(), out, threads);
      },
      py::arg("x").noconvert(), py::arg("grad_y").noconvert(), py::arg("grad_weight").noconvert(),
      py::arg("threads"));
  m.def(
      "sparse_conv",
      [](const In<R>& x, const In<R>& weight, const std::optional<In<R>>& bias, Out<R>& y,
         bool channels_last, std::size_t groups, Pair stride, Pair padding, Pair dilation,
         int threads) {
        const auto shape =
            conv_shape(x, weight, y, channels_last, groups, stride, padding, dilation);
        R* out = y.mutable_data();
        const py::gil_scoped_release release;
        train::sparse_conv(shape, x.data(), weight.data(), data_of(bias), out, threads);
      },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("bias").noconvert(),
      py::arg("y").noconvert(), py::arg("channels_last"), py::arg("groups"), py::arg("stride"),
      py::arg("padding"), py::arg("dilation"), py::arg("threads"));
  m.def(
      "sparse_conv_weight",
      [](const In<R>& x, const In<R>& grad_y, Out<R>& grad_weight, bool channels_last,
         std::size_t groups, Pair stride, Pair padding, Pair dilation, int threads) {
        const auto shape =
            conv_shape(x, grad_weight, grad_y, channels_last, groups, stride, padding, dilation);
        R* out = grad_weight.mutable_data();
        const py::gil_scoped_release release;
        train::sparse_conv_weight(shape, x.data(), grad_y.data(), out, threads);
      },
      py::arg("x").noconvert(), py::arg("grad_y").noconvert(), py::arg("grad_weight").noconvert(),
      py::arg("channels_last"), py::arg("groups"), py::arg("stride"), py::arg("padding"),
      py::arg("dilation"), py::arg("threads"));
  m.def(
      "column_sums",
      [](const In<R>& x, Out<R>& sums, int threads) {
        R* out = sums.mutable_data();
        const py::gil_scoped_release release;
        train::column_sums(x.data(), size_of(x, 0), size_of(x, 1), out, threads);
      },
      py::arg("x").noconvert(), py::arg("sums").noconvert(), py::arg("threads"));
}

}  // namespace

void bind_sparse(py::module_& m) {
  bind<float>(m);
  bind<double>(m);
}
