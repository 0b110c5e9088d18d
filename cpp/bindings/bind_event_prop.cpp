// EventProp. Spikes are (offsets, times, ids); the core checks their contents.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/train/event_prop.hpp"

namespace spikelet::train {
namespace {

using Ints = Array<std::int64_t>;
using Floats = Array<double>;

EventView view(const Ints& offsets, const Floats& times, const Ints& ids) {
  return {as_span(offsets), as_span(times), as_span(ids)};
}

// weights [n_out, sources], of inputs, or of inputs and then the neurons; delays likewise.
EventLayer layer_of(std::size_t n_in, const Floats& weights, const std::optional<Floats>& delays) {
  if (weights.ndim() != 2) {
    throw py::value_error("weights must have two dimensions");
  }
  return {n_in, static_cast<std::size_t>(weights.shape(0)),
          static_cast<std::size_t>(weights.shape(1)) != n_in, as_span(weights),
          delays ? as_span(*delays) : std::span<const double>()};
}

}  // namespace

void bind_event_prop(py::module_& m) {
  m.def(
      "event_check",
      [](const Ints& offsets, const Floats& times, const Ints& ids, std::size_t n) {
        check(view(offsets, times, ids), n);
      },
      py::arg("offsets"), py::arg("times"), py::arg("ids"), py::arg("n"),
      "Raise a ValueError unless the spikes are in order and their ids in 0 .. n - 1.");
  m.def(
      "event_forward",
      [](double tau_mem, double tau_syn, double v_threshold, double t_max, std::size_t n_in,
         const Ints& offsets, const Floats& times, const Ints& ids, const Floats& weights,
         const std::optional<Floats>& delays, int threads) {
        const EventLayer layer = layer_of(n_in, weights, delays);
        const EventLif lif{tau_mem, tau_syn, v_threshold, t_max};
        const EventView input = view(offsets, times, ids);
        EventOutput out;
        {
          const py::gil_scoped_release release;
          out = event_forward(lif, input, layer, threads);
        }
        return py::make_tuple(
            to_array(std::move(out.spikes.offsets)), to_array(std::move(out.spikes.times)),
            to_array(std::move(out.spikes.ids)), to_array(std::move(out.currents)));
      },
      py::arg("tau_mem"), py::arg("tau_syn"), py::arg("v_threshold"), py::arg("t_max"),
      py::arg("n_in"), py::arg("offsets"), py::arg("times"), py::arg("ids"), py::arg("weights"),
      py::arg("delays"), py::arg("threads"),
      "The output spikes of a layer: offsets, times, ids and the currents at them, which the "
      "backward pass needs.");
  m.def(
      "event_backward",
      [](double tau_mem, double tau_syn, double v_threshold, double t_max, std::size_t n_in,
         const Ints& offsets, const Floats& times, const Ints& ids, const Floats& weights,
         const std::optional<Floats>& delays, const Ints& out_offsets, const Floats& out_times,
         const Ints& out_ids, const Floats& currents, const Floats& gradients, int threads) {
        const EventLayer layer = layer_of(n_in, weights, delays);
        const EventLif lif{tau_mem, tau_syn, v_threshold, t_max};
        const EventView input = view(offsets, times, ids);
        const EventView output = view(out_offsets, out_times, out_ids);
        EventGradients out;
        {
          const py::gil_scoped_release release;
          out = event_backward(lif, input, layer, output, as_span(currents), as_span(gradients),
                               threads);
        }
        const std::vector<py::ssize_t> shape = {weights.shape(0), weights.shape(1)};
        py::object by_delays = py::none();
        if (delays) {
          by_delays = to_array(std::move(out.delays), shape);
        }
        return py::make_tuple(to_array(std::move(out.times)),
                              to_array(std::move(out.weights), shape), by_delays);
      },
      py::arg("tau_mem"), py::arg("tau_syn"), py::arg("v_threshold"), py::arg("t_max"),
      py::arg("n_in"), py::arg("offsets"), py::arg("times"), py::arg("ids"), py::arg("weights"),
      py::arg("delays"), py::arg("out_offsets"), py::arg("out_times"), py::arg("out_ids"),
      py::arg("currents"), py::arg("gradients"), py::arg("threads"),
      "Gradients of input times, weights and delays.");
}

}  // namespace spikelet::train
