// Encoders: they take float64 values, flat, and give uint8 rasters [steps, n], or spike lists as
// the pair (stamps, ids) of int64 arrays. encode/codes.py checks arguments.
#include <pybind11/numpy.h>

#include <span>
#include <utility>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/coding/bernoulli.hpp"
#include "spikelet/coding/codes.hpp"
#include "spikelet/coding/spike_list.hpp"

namespace spikelet::coding {
namespace {

using Values = Array<double>;

void at_least_one(Step steps) {
  if (steps < 1) {
    throw py::value_error("steps must be at least 1");
  }
}

// A new raster [steps, n], filled by fill(span) without the GIL.
template <class Fill>
py::array_t<std::uint8_t> filled(Step steps, py::ssize_t n, Fill fill) {
  at_least_one(steps);
  py::array_t<std::uint8_t> raster({static_cast<py::ssize_t>(steps), n});
  const std::span<std::uint8_t> out{raster.mutable_data(), static_cast<std::size_t>(raster.size())};
  if (!out.empty()) {
    const py::gil_scoped_release release;
    fill(out);
  }
  return raster;
}

template <class Make>
py::tuple listed(Make make) {
  SpikeList list;
  {
    const py::gil_scoped_release release;
    list = make();
  }
  return py::make_tuple(to_array(std::move(list.stamps)), to_array(std::move(list.ids)));
}

}  // namespace

void bind_coding(py::module_& m) {
  m.def(
      "encode_bernoulli",
      [](const Values& p, Step steps, std::uint64_t seed) {
        return filled(steps, p.size(),
                      [&, in = as_span(p)](auto out) { bernoulli(in, steps, seed, out); });
      },
      py::arg("p"), py::arg("steps"), py::arg("seed"),
      "Raster [steps, n] in which element k spikes with probability p[k] at each step.");
  m.def(
      "encode_bernoulli_list",
      [](const Values& p, Step steps, std::uint64_t seed) {
        return listed([&, in = as_span(p)] { return bernoulli_list(in, steps, seed); });
      },
      py::arg("p"), py::arg("steps"), py::arg("seed"),
      "The spikes of `encode_bernoulli` as (stamps, ids).");
  m.def(
      "encode_latency",
      [](const Values& x, Step steps, double tau, double threshold) {
        return filled(steps, x.size(),
                      [&, in = as_span(x)](auto out) { latency(in, steps, tau, threshold, out); });
      },
      py::arg("x"), py::arg("steps"), py::arg("tau"), py::arg("threshold"),
      "Raster [steps, n] with at most one spike for each element, earlier for larger values.");
  m.def(
      "encode_phase",
      [](const Values& x, Step steps, int bits) {
        return filled(steps, x.size(),
                      [&, in = as_span(x)](auto out) { phase(in, steps, bits, out); });
      },
      py::arg("x"), py::arg("steps"), py::arg("bits"),
      "Raster [steps, n] of each value's leading bits, repeated over the steps.");
  m.def(
      "encode_burst",
      [](const Values& x, Step steps, std::int64_t n_max, Step isi_min, Step isi_max) {
        return filled(steps, x.size(),
                      [&, in = as_span(x)](auto out) { burst(in, n_max, isi_min, isi_max, out); });
      },
      py::arg("x"), py::arg("steps"), py::arg("n_max"), py::arg("isi_min"), py::arg("isi_max"),
      "Raster [steps, n] of bursts: larger values give more spikes at shorter intervals.");
  m.def(
      "encode_delta",
      [](const Values& x, Step steps, double threshold) {
        at_least_one(steps);
        return filled(steps, 2 * (x.size() / steps),
                      [&, in = as_span(x)](auto out) { delta(in, steps, threshold, out); });
      },
      py::arg("x"), py::arg("steps"), py::arg("threshold"),
      "Raster [steps, 2 n] of the rises and falls of a signal x [steps, n].");
  m.def(
      "encode_spike_list",
      [](const Array<std::uint8_t>& raster, Step steps) {
        at_least_one(steps);
        return listed([&, in = as_span(raster)] {
          return to_spike_list(in, in.size() / static_cast<std::size_t>(steps));
        });
      },
      py::arg("raster"), py::arg("steps"), "The spikes of a raster [steps, n] as (stamps, ids).");
}

}  // namespace spikelet::coding
