// Linear and convolutional layers over sparse inputs.
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "bindings.hpp"
#include "spikelet/train/conv_input.hpp"
#include "spikelet/train/sparse.hpp"
#include "tensor_shapes.hpp"

namespace spikelet::train {
namespace {

template <class R>
const R* data_of(const std::optional<Tensor<R>>& array) {
  return array ? array->data() : nullptr;
}

constexpr const char* sparse_layer = "sparse layer";

template <class R>
void require_bias(const std::optional<Tensor<R>>& bias, std::size_t outputs) {
  if (bias) {
    require_shape(*bias, {outputs}, sparse_layer);
  }
}

// Geometry of a convolution: groups, then stride, padding and dilation as (height, width). Places
// of inputs that are listed have 32 bits.
using Pair = std::array<std::size_t, 2>;
ConvShape conv_shape(const py::array& x, const py::array& weight, const py::array& y,
                     bool channels_last, std::size_t groups, Pair stride, Pair padding,
                     Pair dilation, bool listed = true) {
  const int c = channels_last ? 3 : 1;
  const int h = channels_last ? 1 : 2;
  require(x.ndim() == 4 && weight.ndim() == 4 && y.ndim() == 4,
          "sparse layer: the input, weights and outputs of a convolution must have 4 dimensions");
  require(size_of(x, 0) == size_of(y, 0) && size_of(weight, 0) == size_of(y, 3),
          "sparse layer: shapes of the input, weights and outputs must match");
  require(groups > 0 && size_of(weight, 1) * groups == size_of(x, c) &&
              size_of(weight, 0) % groups == 0,
          "sparse layer: groups must divide the channels of the input and of the output");
  double places = static_cast<double>((size_of(weight, 0) / groups + 15) / 16 * 16);
  for (const int k : {0, 1}) {
    const auto axis = static_cast<std::size_t>(k);
    require(stride[axis] > 0 && dilation[axis] > 0 && size_of(weight, 2 + k) > 0,
            "sparse layer: kernel, stride and dilation must be at least 1");
    places *= static_cast<double>(size_of(x, h + k)) + static_cast<double>(size_of(y, 1 + k)) +
              static_cast<double>(padding[axis]) +
              static_cast<double>(dilation[axis]) * static_cast<double>(size_of(weight, 2 + k));
  }
  require(size_of(x, c) > 0 && size_of(x, h) > 0 && size_of(x, h + 1) > 0,
          "sparse layer: an image must have at least one pixel and channel");
  require(!listed || places < 2147483648.0,
          "sparse layer: an image with its margins must have fewer than 2^31 places");
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

// The layers, for inputs of type X.
template <class R, class X>
void bind_layers(py::module_& m) {
  m.def(
      "sparse_linear",
      [](const Tensor<X>& x, const Tensor<R>& weight, const std::optional<Tensor<R>>& bias,
         Tensor<R>& y, int threads) {
        require(x.ndim() == 2 && weight.ndim() == 2,
                "sparse layer: input and weights must have 2 dimensions");
        const LinearShape shape{size_of(x, 0), size_of(x, 1), size_of(weight, 0)};
        require_shape(weight, {shape.outputs, shape.inputs}, sparse_layer);
        require_shape(y, {shape.rows, shape.outputs}, sparse_layer);
        require_bias(bias, shape.outputs);
        require_threads(threads);
        R* out = y.mutable_data();
        const py::gil_scoped_release release;
        sparse_linear(shape, x.data(), weight.data(), data_of(bias), out, threads);
      },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("bias").noconvert(),
      py::arg("y").noconvert(), py::arg("threads"),
      "Write y = x weight^T + bias; only active inputs cost work.");
  m.def(
      "sparse_linear_weight",
      [](const Tensor<X>& x, const Tensor<R>& grad_y, Tensor<R>& grad_weight, int threads) {
        require(x.ndim() == 2 && grad_y.ndim() == 2,
                "sparse layer: input and outputs must have 2 dimensions");
        const LinearShape shape{size_of(x, 0), size_of(x, 1), size_of(grad_y, 1)};
        require_shape(grad_y, {shape.rows, shape.outputs}, sparse_layer);
        require_shape(grad_weight, {shape.outputs, shape.inputs}, sparse_layer);
        require_threads(threads);
        R* out = grad_weight.mutable_data();
        const py::gil_scoped_release release;
        sparse_linear_weight(shape, x.data(), grad_y.data(), out, threads);
      },
      py::arg("x").noconvert(), py::arg("grad_y").noconvert(), py::arg("grad_weight").noconvert(),
      py::arg("threads"), "Write the gradient of the weights of `sparse_linear`.");
  m.def(
      "sparse_conv",
      [](const Tensor<X>& x, const Tensor<R>& weight, const std::optional<Tensor<R>>& bias,
         Tensor<R>& y, bool channels_last, std::size_t groups, Pair stride, Pair padding,
         Pair dilation, int threads) {
        const auto shape =
            conv_shape(x, weight, y, channels_last, groups, stride, padding, dilation);
        require_bias(bias, shape.outputs);
        require_threads(threads);
        R* out = y.mutable_data();
        if (y.size() == 0) {
          return;
        }
        const py::gil_scoped_release release;
        sparse_conv(shape, x.data(), weight.data(), data_of(bias), out, threads);
      },
      py::arg("x").noconvert(), py::arg("weight").noconvert(), py::arg("bias").noconvert(),
      py::arg("y").noconvert(), py::arg("channels_last"), py::arg("groups"), py::arg("stride"),
      py::arg("padding"), py::arg("dilation"), py::arg("threads"),
      "Write y [image, row, column, channel], the convolution of x; only active inputs cost work.");
  m.def(
      "sparse_conv_weight",
      [](const Tensor<X>& x, const Tensor<R>& grad_y, Tensor<R>& grad_weight, bool channels_last,
         std::size_t groups, Pair stride, Pair padding, Pair dilation, int threads) {
        const auto shape =
            conv_shape(x, grad_weight, grad_y, channels_last, groups, stride, padding, dilation);
        require_threads(threads);
        R* out = grad_weight.mutable_data();
        if (x.size() == 0 || grad_y.size() == 0) {
          std::fill_n(out, grad_weight.size(), R{0});
          return;
        }
        const py::gil_scoped_release release;
        sparse_conv_weight(shape, x.data(), grad_y.data(), out, threads);
      },
      py::arg("x").noconvert(), py::arg("grad_y").noconvert(), py::arg("grad_weight").noconvert(),
      py::arg("channels_last"), py::arg("groups"), py::arg("stride"), py::arg("padding"),
      py::arg("dilation"), py::arg("threads"),
      "Write the gradient of the weights of `sparse_conv`.");
}

template <class X>
void bind_activity(py::module_& m) {
  m.def(
      "activity",
      [](const Tensor<X>& x, int threads) {
        require_threads(threads);
        Activity found;
        {
          const py::gil_scoped_release release;
          found = activity(x.data(), static_cast<std::size_t>(x.size()), threads);
        }
        return py::make_tuple(found.active, found.finite);
      },
      py::arg("x").noconvert(), py::arg("threads"),
      "Return how many inputs are not 0, and whether all are finite.");
}

template <class R>
void bind_sparse_of(py::module_& m) {
  bind_activity<R>(m);
  bind_layers<R, R>(m);
  bind_layers<R, std::uint8_t>(m);
  m.def(
      "column_sums",
      [](const Tensor<R>& x, Tensor<R>& sums, int threads) {
        require(x.ndim() == 2, "sparse layer: input must have 2 dimensions");
        require_shape(sums, {size_of(x, 1)}, sparse_layer);
        require_threads(threads);
        R* out = sums.mutable_data();
        const py::gil_scoped_release release;
        column_sums(x.data(), size_of(x, 0), size_of(x, 1), out, threads);
      },
      py::arg("x").noconvert(), py::arg("sums").noconvert(), py::arg("threads"),
      "Write the sums of x over its rows.");
}

void bind_conv_input(py::module_& m) {
  m.def(
      "conv_input",
      [](const Tensor<float>& grad_y, const Tensor<float>& weight, Tensor<float>& grad_x,
         Pair stride, Pair padding, int threads) {
        const auto shape =
            conv_shape(grad_x, weight, grad_y, true, 1, stride, padding, Pair{1, 1}, false);
        require_threads(threads);
        if (!suits_conv_input(shape)) {
          return false;
        }
        float* out = grad_x.mutable_data();
        const py::gil_scoped_release release;
        conv_input(shape, grad_y.data(), weight.data(), out, threads);
        return true;
      },
      py::arg("grad_y").noconvert(), py::arg("weight").noconvert(), py::arg("grad_x").noconvert(),
      py::arg("stride"), py::arg("padding"), py::arg("threads"),
      "Write the gradient of a convolution's input [image, row, column, channel] if that is faster "
      "than a direct product; return whether it was written.");
}

}  // namespace

void bind_sparse(py::module_& m) {
  bind_conv_input(m);
  bind_activity<std::uint8_t>(m);
  bind_sparse_of<float>(m);
  bind_sparse_of<double>(m);
}

}  // namespace spikelet::train
