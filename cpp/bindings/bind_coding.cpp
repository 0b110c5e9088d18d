// Bindings of coding/: encoders take float64 values, flat, and give uint8 rasters [steps, n], or
// spike lists as the pair (stamps, ids) of int64 arrays. Arguments are checked in encode.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <span>
#include <utility>

#include "array.hpp"
#include "spikelet/coding/bernoulli.hpp"
#include "spikelet/coding/codes.hpp"
#include "spikelet/coding/spike_list.hpp"

namespace py = pybind11;
using namespace spikelet;

namespace {

using Values = Array<double>;

// A new raster [steps, n], filled by fill(span) without the GIL.
template <class Fill>
py::array_t<std::uint8_t> filled(Step steps, py::ssize_t n, Fill fill) {
  py::array_t<std::uint8_t> raster({static_cast<py::ssize_t>(steps), n});
  const std::span<std::uint8_t> out{raster.mutable_data(), static_cast<std::size_t>(raster.size())};
  {
    const py::gil_scoped_release release;
    fill(out);
  }
  return raster;
}

template <class Make>
py::tuple listed(Make make) {
  coding::SpikeList list;
  {
    const py::gil_scoped_release release;
    list = make();
  }
  return py::make_tuple(to_array(std::move(list.stamps)), to_array(std::move(list.ids)));
}

}  // namespace

void bind_coding(py::module_& m) {
  m.def("encode_bernoulli", [](const Values& p, Step steps, std::uint64_t seed) {
    return filled(steps, p.size(),
                  [&, in = as_span(p)](auto out) { coding::bernoulli(in, steps, seed, out); });
  });
  m.def("encode_bernoulli_list", [](const Values& p, Step steps, std::uint64_t seed) {
    return listed([&, in = as_span(p)] { return coding::bernoulli_list(in, steps, seed); });
  });
  m.def("encode_latency", [](const Values& x, Step steps, double tau, double threshold) {
    return filled(steps, x.size(), [&, in = as_span(x)](auto out) {
      coding::latency(in, steps, tau, threshold, out);
    });
  });
  m.def("encode_phase", [](const Values& x, Step steps, int bits) {
    return filled(steps, x.size(),
                  [&, in = as_span(x)](auto out) { coding::phase(in, steps, bits, out); });
  });
  m.def("encode_burst",
        [](const Values& x, Step steps, std::int64_t n_max, Step isi_min, Step isi_max) {
          return filled(steps, x.size(), [&, in = as_span(x)](auto out) {
            coding::burst(in, n_max, isi_min, isi_max, out);
          });
        });
  m.def("encode_delta", [](const Values& x, Step steps, double threshold) {  // x [steps, n]
    return filled(steps, 2 * (x.size() / steps),
                  [&, in = as_span(x)](auto out) { coding::delta(in, steps, threshold, out); });
  });
  m.def("encode_spike_list",
        [](const Array<std::uint8_t>& raster, Step steps) {  // raster [steps, n]
          return listed([&, in = as_span(raster)] {
            return coding::to_spike_list(in, in.size() / static_cast<std::size_t>(steps));
          });
        });
}
