// EventProp. Spikes are (offsets, times, ids); the core checks their contents.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/train/event_network.hpp"
#include "spikelet/train/event_prop.hpp"

namespace spikelet::train {
namespace {

using Ints = Array<std::int64_t>;
using Floats = Array<double>;

// The shape of weights [n_out, n_in].
std::pair<std::size_t, std::size_t> shape_of(const Floats& weights) {
  if (weights.ndim() != 2) {
    throw py::value_error("weights must have two dimensions");
  }
  return {static_cast<std::size_t>(weights.shape(0)), static_cast<std::size_t>(weights.shape(1))};
}

EventView view(const Ints& offsets, const Floats& times, const Ints& ids) {
  return {as_span(offsets), as_span(times), as_span(ids)};
}

// Weights [n_out, n_in], delays of that shape or None, and the same of recurrent synapses, or None.
struct NetworkArrays {
  Floats weights, delays, recurrent, recurrent_delays;

  NetworkArrays(const Floats& w, const std::optional<Floats>& d, const std::optional<Floats>& r,
                const std::optional<Floats>& rd)
      : weights(w),
        delays(d.value_or(Floats(0))),
        recurrent(r.value_or(Floats(0))),
        recurrent_delays(rd.value_or(Floats(0))) {}

  EventNetwork network() const {
    const auto [n_out, n_in] = shape_of(weights);
    return {n_in,
            n_out,
            {as_span(weights), as_span(delays)},
            {as_span(recurrent), as_span(recurrent_delays)}};
  }
};

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
      [](double tau_mem, double tau_syn, double v_threshold, double t_max, const Ints& offsets,
         const Floats& times, const Ints& ids, const Floats& weights,
         const std::optional<Floats>& delays, const std::optional<Floats>& recurrent,
         const std::optional<Floats>& recurrent_delays, int threads) {
        const NetworkArrays arrays(weights, delays, recurrent, recurrent_delays);
        const EventNetwork net = arrays.network();
        const EventLif lif{tau_mem, tau_syn, v_threshold, t_max};
        const EventView input = view(offsets, times, ids);
        EventOutput out;
        {
          const py::gil_scoped_release release;
          out = net.is_plain()
                    ? event_forward(lif, input, net.input.weights, net.n_in, net.n_out, threads)
                    : event_forward(lif, input, net, threads);
        }
        return py::make_tuple(
            to_array(std::move(out.spikes.offsets)), to_array(std::move(out.spikes.times)),
            to_array(std::move(out.spikes.ids)), to_array(std::move(out.currents)));
      },
      py::arg("tau_mem"), py::arg("tau_syn"), py::arg("v_threshold"), py::arg("t_max"),
      py::arg("offsets"), py::arg("times"), py::arg("ids"), py::arg("weights"), py::arg("delays"),
      py::arg("recurrent"), py::arg("recurrent_delays"), py::arg("threads"),
      "The output spikes of a layer: offsets, times, ids and the currents at them, which the "
      "backward pass needs.");
  m.def(
      "event_backward",
      [](double tau_mem, double tau_syn, double v_threshold, double t_max, const Ints& offsets,
         const Floats& times, const Ints& ids, const Floats& weights,
         const std::optional<Floats>& delays, const std::optional<Floats>& recurrent,
         const std::optional<Floats>& recurrent_delays, const Ints& out_offsets,
         const Floats& out_times, const Ints& out_ids, const Floats& currents,
         const Floats& gradients, int threads) {
        const NetworkArrays arrays(weights, delays, recurrent, recurrent_delays);
        const EventNetwork net = arrays.network();
        const EventLif lif{tau_mem, tau_syn, v_threshold, t_max};
        const EventView input = view(offsets, times, ids);
        const EventView output = view(out_offsets, out_times, out_ids);
        EventNetworkGradients out;
        {
          const py::gil_scoped_release release;
          if (net.is_plain()) {
            auto plain = event_backward(lif, input, net.input.weights, net.n_in, net.n_out, output,
                                        as_span(currents), as_span(gradients), threads);
            out.weights = std::move(plain.weights);
            out.times = std::move(plain.times);
          } else {
            out = event_backward(lif, input, net, output, as_span(currents), as_span(gradients),
                                 threads);
          }
        }
        const std::vector<py::ssize_t> shape = {weights.shape(0), weights.shape(1)};
        const auto loops = recurrent ? weights.shape(0) : 0;
        py::object by_delays = py::none();
        if (!net.is_plain()) {
          by_delays = to_array(std::move(out.delays), shape);
        }
        return py::make_tuple(to_array(std::move(out.weights), shape), by_delays,
                              to_array(std::move(out.recurrent_weights), {loops, loops}),
                              to_array(std::move(out.recurrent_delays), {loops, loops}),
                              to_array(std::move(out.times)));
      },
      py::arg("tau_mem"), py::arg("tau_syn"), py::arg("v_threshold"), py::arg("t_max"),
      py::arg("offsets"), py::arg("times"), py::arg("ids"), py::arg("weights"), py::arg("delays"),
      py::arg("recurrent"), py::arg("recurrent_delays"), py::arg("out_offsets"),
      py::arg("out_times"), py::arg("out_ids"), py::arg("currents"), py::arg("gradients"),
      py::arg("threads"),
      "Gradients of weights, delays, recurrent weights, recurrent delays and input times.");
}

}  // namespace spikelet::train
