// Nodes that move values, and graded units.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "array.hpp"
#include "enums.hpp"
#include "layer_builder.hpp"
#include "spikelet/layers/graded.hpp"

namespace spikelet::layers {
namespace {

using py::literals::operator""_a;

// A Python function of arrays. The engine calls it without the GIL, and may copy and drop it so.
struct Callback {
  std::shared_ptr<py::function> function;
  std::vector<std::vector<py::ssize_t>> shapes;

  void operator()(std::span<const std::vector<double>> inputs, std::span<double> out) const {
    const py::gil_scoped_acquire gil;
    py::list arrays;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      arrays.append(py::array_t<double>(shapes[k], inputs[k].data()));
    }
    const auto answer = Doubles::ensure((*function)(*arrays));
    if (!answer) {
      throw py::type_error("function must return an array of numbers");
    }
    if (static_cast<std::size_t>(answer.size()) != out.size()) {
      throw py::value_error("function must return " + std::to_string(out.size()) + " values, got " +
                            std::to_string(answer.size()));
    }
    std::copy_n(answer.data(), out.size(), out.data());
  }
};

template <class R>
void activate_all(Function function, const py::array& x, const std::vector<double>& alpha,
                  const std::vector<double>& beta, py::array& y) {
  const auto channels = x.ndim() > 1 ? static_cast<std::size_t>(x.shape(1)) : 1;
  const auto size = static_cast<std::size_t>(x.size());
  const auto samples = x.ndim() > 0 ? static_cast<std::size_t>(x.shape(0)) : 1;
  if (size == 0) {
    return;
  }
  const std::size_t pixels = size / samples / channels;
  const auto of = [&](const std::vector<double>& values, std::size_t c) {
    return static_cast<R>(values.empty() ? 0 : values[values.size() == 1 ? 0 : c]);
  };
  const R* from = static_cast<const R*>(x.data());
  R* to = static_cast<R*>(y.mutable_data());
  // Pixels of a channel stand for channels with equal parameters: they are what vectors hold.
  const std::size_t piece = std::min<std::size_t>(pixels, 1024);
  std::vector<R> a(piece), b(piece);
  for (std::size_t k = 0; k < samples * channels; ++k) {
    std::ranges::fill(a, of(alpha, k % channels));
    std::ranges::fill(b, of(beta, k % channels));
    for (std::size_t first = 0; first < pixels; first += piece) {
      const std::size_t at = k * pixels + first, n = std::min(piece, pixels - first);
      activate(function, a.data(), b.data(), from + at, to + at, std::size_t{1}, n, n);
    }
  }
}

}  // namespace

void bind_graded_nodes(py::module_& m, py::class_<Builder>& graph) {
  several<Gather, Array<std::int32_t>>(
      graph, "gather", "index"_a,
      "Value index[k] of the inputs, which follow each other, as output k; 0 if negative.");
  one<Mix, Places, Places, Doubles>(
      graph, "mix", "begin"_a, "terms"_a, "weight"_a,
      "Weighted sums of pixels, equal for all channels, as a sparse matrix.");
  one<Activation, Function, Doubles, Doubles>(graph, "activation", "function"_a, "alpha"_a,
                                              "beta"_a, "A function of each value.");
  several<Binary, Binary::Kind, Places, Places>(
      graph, "binary", "function"_a, "first"_a, "second"_a,
      "\"multiply\", \"divide\", \"maximum\" or \"minimum\" of two inputs, at the given places; "
      "empty: each value at its own.");
  several<MatMul, std::size_t, std::size_t, std::size_t, Places, Places>(
      graph, "matmul", "rows"_a, "inner"_a, "columns"_a, "first"_a, "second"_a,
      "Products of the given matrices of two inputs.");
  one<Softmax, Shape, bool>(graph, "softmax", "along"_a, "logarithm"_a,
                            "Softmax, or its logarithm, along an axis given as (outer, n, inner).");
  one<Normalise, Shape, bool, double>(
      graph, "normalize", "along"_a, "centered"_a, "eps"_a,
      "Values less their mean (if centred) over the root of their mean square.");
  one<LocalResponse, Shape, std::size_t, double, double, double>(
      graph, "local_response", "along"_a, "size"_a, "alpha"_a, "beta"_a, "k"_a,
      "Local response normalisation.");
  one<Reduce, Reduce::Kind, Shape>(
      graph, "reduce", "function"_a, "along"_a,
      "Mean, sum, max, min, prod, l1 or l2 along an axis given as (outer, n, inner).");
  graph
      .def(
          "constant",
          [](Builder& b, const Shape& shape, const Doubles& values) {
            return b.add({Constant{as_vector(values)}, {}, extent(shape)});
          },
          py::arg("shape"), py::arg("values"), "Values that do not depend on the input.")
      .def(
          "foreign",
          [](Builder& b, const Ids& sources, const Shape& shape, py::function function,
             std::vector<std::vector<py::ssize_t>> shapes) {
            {
              auto use = b.graph.brief();
              for (std::size_t k = 0; k < sources.size(); ++k) {
                py::ssize_t size = 1;
                for (const py::ssize_t n : k < shapes.size() ? shapes[k] : shapes.at(0)) {
                  size *= n;
                }
                if (shapes.size() != sources.size() || sources[k] >= use->size() ||
                    size != static_cast<py::ssize_t>((*use)[sources[k]].shape.size())) {
                  throw py::value_error(
                      "shapes must have one shape for each input, of as many values as the input "
                      "has");
                }
              }
            }
            const auto drop = [](py::function* f) {
              const py::gil_scoped_acquire gil;
              delete f;
            };
            Callback callback{{new py::function(std::move(function)), drop}, std::move(shapes)};
            return b.add({Foreign{std::move(callback)}, sources, extent(shape)});
          },
          py::arg("sources"), py::arg("shape"), py::arg("function"), py::arg("shapes"),
          "A Python function of the mean inputs of a sample, given in these shapes.");
  m.def(
      "activation",
      [](Function function, const py::array& x, const Doubles& alpha, const Doubles& beta) {
        const auto a = as_vector(alpha), b = as_vector(beta);
        const auto channels = x.ndim() > 1 ? static_cast<std::size_t>(x.shape(1)) : 1;
        const auto fits = [&](const std::vector<double>& v, bool used) {
          return used ? v.size() == 1 || v.size() == channels : v.empty();
        };
        if (!fits(a, uses_alpha(function)) || !fits(b, uses_beta(function))) {
          throw py::value_error("alpha and beta must have one value, or one for each channel");
        }
        const bool single = py::isinstance<py::array_t<float>>(x);
        if ((!single && !py::isinstance<py::array_t<double>>(x)) ||
            (x.flags() & py::array::c_style) == 0) {
          throw py::type_error("x must be a contiguous array of float32 or float64");
        }
        py::array y(x.dtype(), std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
        if (single) {
          activate_all<float>(function, x, a, b, y);
        } else {
          activate_all<double>(function, x, a, b, y);
        }
        return y;
      },
      py::arg("function"), py::arg("x"), py::arg("alpha"), py::arg("beta"),
      "A function of values [N, channels, ...], as the engine computes it.");
}

}  // namespace spikelet::layers
