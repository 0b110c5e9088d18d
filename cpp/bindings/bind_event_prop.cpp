// Bindings of EventProp. Spikes are (offsets, times, ids); contents are checked by the core.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "array.hpp"
#include "spikelet/train/event_prop.hpp"

namespace py = pybind11;
using namespace spikelet;

namespace {

using Ints = Array<std::int64_t>;
using Floats = Array<double>;

struct Shape {
  std::size_t n_out, n_in;
};

Shape shape_of(const Floats& weights) {
  if (weights.ndim() != 2) {
    throw py::value_error("weights must have two dimensions");
  }
  return {static_cast<std::size_t>(weights.shape(0)), static_cast<std::size_t>(weights.shape(1))};
}

train::EventView view(const Ints& offsets, const Floats& times, const Ints& ids) {
  return {as_span(offsets), as_span(times), as_span(ids)};
}

}  // namespace

void bind_event_prop(py::module_& m) {
  m.def("event_check", [](const Ints& offsets, const Floats& times, const Ints& ids,
                          std::size_t n) { train::check(view(offsets, times, ids), n); });
  m.def("event_forward", [](double tau_mem, double tau_syn, double v_threshold, double t_max,
                            const Floats& weights, const Ints& offsets, const Floats& times,
                            const Ints& ids, int threads) {
    const auto [n_out, n_in] = shape_of(weights);
    train::EventOutput out;
    {
      const py::gil_scoped_release release;
      out = train::event_forward({tau_mem, tau_syn, v_threshold, t_max}, view(offsets, times, ids),
                                 as_span(weights), n_in, n_out, threads);
    }
    return py::make_tuple(to_array(std::move(out.spikes.offsets)),
                          to_array(std::move(out.spikes.times)),
                          to_array(std::move(out.spikes.ids)), to_array(std::move(out.currents)));
  });
  m.def("event_backward", [](double tau_mem, double tau_syn, double v_threshold, double t_max,
                             const Floats& weights, const Ints& offsets, const Floats& times,
                             const Ints& ids, const Ints& out_offsets, const Floats& out_times,
                             const Ints& out_ids, const Floats& currents, const Floats& gradients,
                             int threads) {
    const auto [n_out, n_in] = shape_of(weights);
    train::EventGradients out;
    {
      const py::gil_scoped_release release;
      out = train::event_backward({tau_mem, tau_syn, v_threshold, t_max}, view(offsets, times, ids),
                                  as_span(weights), n_in, n_out,
                                  view(out_offsets, out_times, out_ids), as_span(currents),
                                  as_span(gradients), threads);
    }
    return py::make_tuple(to_array(std::move(out.weights), {weights.shape(0), weights.shape(1)}),
                          to_array(std::move(out.times)));
  });
}
