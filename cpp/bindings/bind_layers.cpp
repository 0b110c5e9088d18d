// Bindings of layers/: waves are uint8 arrays. Arguments are checked in models/conv_stdp.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>

#include "array.hpp"
#include "spikelet/layers/conv_stdp.hpp"
#include "spikelet/layers/dog_wave.hpp"

namespace py = pybind11;
using namespace spikelet;
using layers::Bin, layers::ConvPool, layers::ConvRule, layers::ConvShape, layers::ConvStdp;

namespace {

using Waves = Array<Bin>;

py::ssize_t size(std::size_t n) { return static_cast<py::ssize_t>(n); }

template <class T>
std::span<T> writable(py::array_t<T>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

// A new array [n, rows, columns, maps], filled by fill(waves, span) without the GIL.
template <class T, class Fill>
py::array_t<T> pooled(const ConvStdp& layer, const Waves& waves, const ConvPool& pool, Fill fill) {
  const ConvShape& s = layer.shape();
  py::array_t<T> out({waves.size() / size(s.inputs()), size(pool.cells(s.out_height())),
                      size(pool.cells(s.out_width())), size(s.maps)});
  const auto to = writable(out);
  const auto from = as_span(waves);
  const py::gil_scoped_release release;
  fill(from, to);
  return out;
}

}  // namespace

void bind_layers(py::module_& m) {
  m.def("dog_waves", [](const Array<float>& images, double centre, double surround,
                        std::size_t radius, float cut, std::size_t bins, int threads) {
    py::array_t<Bin> waves({images.shape(0), images.shape(1), images.shape(2), size(2)});
    const layers::DogWave code{static_cast<std::size_t>(images.shape(1)),
                               static_cast<std::size_t>(images.shape(2)),
                               centre,
                               surround,
                               radius,
                               cut,
                               bins};
    const auto to = writable(waves);
    const py::gil_scoped_release release;
    layers::dog_waves(as_span(images), code, threads, to);
    return waves;
  });
  py::class_<ConvStdp>(m, "ConvStdp")
      .def(py::init([](const Array<float>& weights, const Array<float>& thresholds,
                       std::size_t height, std::size_t width, std::size_t bins) {
        const ConvShape shape{height, width, static_cast<std::size_t>(weights.shape(2)),
                              static_cast<std::size_t>(weights.shape(0)),
                              static_cast<std::size_t>(weights.shape(3))};
        return std::make_unique<ConvStdp>(shape, bins, as_span(weights), as_span(thresholds));
      }))
      .def("learn",
           [](ConvStdp& layer, const Waves& waves, float a_plus, float a_minus, bool multiplicative,
              std::size_t winners, std::size_t radius, float theta_plus, float theta_min) {
             const ConvRule rule{a_plus, a_minus,    multiplicative, winners,
                                 radius, theta_plus, theta_min};
             std::vector<std::uint32_t> wins;
             {
               const py::gil_scoped_release release;
               wins = layer.learn(as_span(waves), rule);
             }
             return to_array(std::move(wins));
           })
      .def("respond",
           [](const ConvStdp& layer, const Waves& waves, std::size_t window, std::size_t stride,
              int threads) {
             const ConvPool pool{window, stride};
             return pooled<Bin>(layer, waves, pool, [&](auto from, auto to) {
               layer.respond(from, pool, threads, to);
             });
           })
      .def("features",
           [](const ConvStdp& layer, const Waves& waves, std::size_t window, std::size_t stride,
              int threads) {
             const ConvPool pool{window, stride};
             return pooled<float>(layer, waves, pool, [&](auto from, auto to) {
               layer.features(from, pool, threads, to);
             });
           })
      .def_property_readonly("weights",
                             [](const ConvStdp& layer) {
                               const ConvShape& s = layer.shape();
                               return to_array(layer.weights(), {size(s.kernel), size(s.kernel),
                                                                 size(s.channels), size(s.maps)});
                             })
      .def_property_readonly("thresholds",
                             [](const ConvStdp& layer) { return to_array(layer.thresholds()); });
}
