// Bindings of coding/: encoders take flat float64 arrays and give uint8 rasters [steps, n], or
// spike lists as the pair (stamps, ids) of int64 arrays. Arguments are checked in encode.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/coding/bernoulli.hpp"
#include "spikelet/coding/codes.hpp"
#include "spikelet/coding/spike_list.hpp"

namespace py = pybind11;

namespace {

using spikelet::Step;
namespace coding = spikelet::coding;

template <class T>
using Input = py::array_t<T, py::array::c_style | py::array::forcecast>;
using Values = Input<double>;
using Raster = py::array_t<std::uint8_t>;

template <class T>
std::span<const T> view(const Input<T>& a) {
  return {a.data(), static_cast<std::size_t>(a.size())};
}

// A new raster [steps, n], filled by fill(span) without the GIL.
template <class Fill>
Raster filled(Step steps, py::ssize_t n, Fill fill) {
  Raster raster({static_cast<py::ssize_t>(steps), n});
  const std::span<std::uint8_t> out{raster.mutable_data(), static_cast<std::size_t>(raster.size())};
  const py::gil_scoped_release release;
  fill(out);
  return raster;
}

// The array owns the vector.
py::array_t<std::int64_t> to_array(std::vector<std::int64_t>&& values) {
  auto owned = std::make_unique<std::vector<std::int64_t>>(std::move(values));
  const py::capsule base(owned.get(),
                         [](void* p) { delete static_cast<std::vector<std::int64_t>*>(p); });
  const auto& kept = *owned.release();
  return py::array_t<std::int64_t>(static_cast<py::ssize_t>(kept.size()), kept.data(), base);
}

template <class Make>
std::pair<py::array_t<std::int64_t>, py::array_t<std::int64_t>> listed(Make make) {
  coding::SpikeList list;
  {
    const py::gil_scoped_release release;
    list = make();
  }
  return {to_array(std::move(list.stamps)), to_array(std::move(list.ids))};
}

}  // namespace

void bind_coding(py::module_& m) {
  m.def("encode_bernoulli", [](const Values& p, Step steps, std::uint64_t seed) {
    const auto in = view(p);
    return filled(steps, p.size(), [&](auto out) { coding::bernoulli(in, steps, seed, out); });
  });
  m.def("encode_bernoulli_list", [](const Values& p, Step steps, std::uint64_t seed) {
    const auto in = view(p);
    return listed([&] { return coding::bernoulli_list(in, steps, seed); });
  });
  m.def("encode_latency", [](const Values& x, Step steps, double tau, double threshold) {
    const auto in = view(x);
    return filled(steps, x.size(),
                  [&](auto out) { coding::latency(in, steps, tau, threshold, out); });
  });
  m.def("encode_phase", [](const Values& x, Step steps, int bits) {
    const auto in = view(x);
    return filled(steps, x.size(), [&](auto out) { coding::phase(in, steps, bits, out); });
  });
  m.def("encode_burst",
        [](const Values& x, Step steps, std::int64_t n_max, Step isi_min, Step isi_max) {
          const auto in = view(x);
          return filled(steps, x.size(),
                        [&](auto out) { coding::burst(in, n_max, isi_min, isi_max, out); });
        });
  m.def("encode_delta", [](const Values& x, Step steps, double threshold) {
    const auto in = view(x);
    return filled(steps, 2 * (x.size() / steps),
                  [&](auto out) { coding::delta(in, steps, threshold, out); });
  });
  m.def("encode_spike_list", [](const Input<std::uint8_t>& raster, Step steps) {
    const auto in = view(raster);
    return listed(
        [&] { return coding::to_spike_list(in, in.size() / static_cast<std::size_t>(steps)); });
  });
}
