// Linear layers whose synapses have delays.
#include <algorithm>
#include <cstdint>

#include "bindings.hpp"
#include "spikelet/train/delay.hpp"
#include "tensor_shapes.hpp"

namespace spikelet::train {
namespace {

using Lags = Tensor<std::int32_t>;

void require_sizes(const py::array& array, std::initializer_list<std::size_t> shape) {
  require_shape(array, shape, "delayed layer");
}

DelayShape delay_shape(const py::array& x, const py::array& y, const Lags& lag,
                       std::size_t longest) {
  require(x.ndim() == 3 && y.ndim() == 3,
          "delayed layer: input and output must be [steps, samples, units]");
  const DelayShape shape{size_of(x, 0), size_of(x, 1), size_of(x, 2), size_of(y, 2), longest};
  require_sizes(y, {shape.steps, shape.samples, shape.outputs});
  require_sizes(lag, {shape.outputs, shape.inputs});
  const std::int32_t* values = lag.data();
  const bool fits = std::all_of(values, values + lag.size(), [&](std::int32_t n) {
    return n >= 0 && static_cast<std::size_t>(n) <= longest;
  });
  require(fits && longest <= (std::size_t{1} << 30),
          "delayed layer: lags must lie in 0 .. longest");
  return shape;
}

template <class R>
void bind_delay_of(py::module_& m) {
  using Run = void (*)(const DelayShape&, const Taps<R>&, const R*, R*, int);
  const auto def = [&m](const char* name, Run run, bool back, const char* doc) {
    m.def(
        name,
        [run, back](const Tensor<R>& x, const Tensor<R>& early, const Tensor<R>& late,
                    const Lags& lag, std::size_t longest, Tensor<R>& y, int threads) {
          const DelayShape shape =
              back ? delay_shape(y, x, lag, longest) : delay_shape(x, y, lag, longest);
          require_sizes(early, {shape.outputs, shape.inputs});
          require_sizes(late, {shape.outputs, shape.inputs});
          require_threads(threads);
          R* out = y.mutable_data();
          const Taps<R> taps{early.data(), late.data(), lag.data()};
          const py::gil_scoped_release release;
          run(shape, taps, x.data(), out, threads);
        },
        py::arg("x").noconvert(), py::arg("early").noconvert(), py::arg("late").noconvert(),
        py::arg("lag").noconvert(), py::arg("longest"), py::arg("y").noconvert(),
        py::arg("threads"), doc);
  };
  def("delayed", &delayed<R>, false,
      "Write y [steps, samples, outputs]: the sum over inputs of early x[t - lag] + late x[t - lag "
      "- 1].");
  def("delayed_input", &delayed_input<R>, true,
      "Write y, the gradient of the input of `delayed`, given x, that of its output.");
  m.def(
      "delayed_weights",
      [](const Tensor<R>& x, const Tensor<R>& by_y, const Lags& lag, std::size_t longest,
         Tensor<R>& by_early, Tensor<R>& by_late, int threads) {
        const DelayShape shape = delay_shape(x, by_y, lag, longest);
        require_sizes(by_early, {shape.outputs, shape.inputs});
        require_sizes(by_late, {shape.outputs, shape.inputs});
        require_threads(threads);
        R* early = by_early.mutable_data();
        R* late = by_late.mutable_data();
        const py::gil_scoped_release release;
        delayed_weights(shape, lag.data(), x.data(), by_y.data(), early, late, threads);
      },
      py::arg("x").noconvert(), py::arg("by_y").noconvert(), py::arg("lag").noconvert(),
      py::arg("longest"), py::arg("by_early").noconvert(), py::arg("by_late").noconvert(),
      py::arg("threads"), "Write the gradients of the weights `early` and `late` of `delayed`.");
}

}  // namespace

void bind_delay(py::module_& m) {
  bind_delay_of<float>(m);
  bind_delay_of<double>(m);
}

}  // namespace spikelet::train
