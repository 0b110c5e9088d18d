// A convolutional layer that learns by STDP. Waves are uint8 arrays; models/conv_stdp.py checks
// arguments by name, the core whether sizes agree.
#include <pybind11/numpy.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/core/fork.hpp"
#include "spikelet/core/guarded.hpp"
#include "spikelet/layers/conv_stdp.hpp"
#include "spikelet/layers/dog_wave.hpp"

namespace spikelet::layers {
namespace {

using Waves = Array<Bin>;

void require_dimensions(const py::array& array, py::ssize_t n, const char* rule) {
  if (array.ndim() != n) {
    throw py::value_error(rule);
  }
}

// A layer that threads may share: learning excludes all others. A thread releases Python's
// interpreter lock before it waits for the layer, and never needs it while it holds the layer.
struct SharedLayer {
  SharedLayer(ConvShape s, std::size_t bins, std::span<const float> weights,
              std::span<const float> thresholds)
      : layer(s, bins, weights, thresholds) {}

  template <class Read>
  auto read(Read&& what) {
    const py::gil_scoped_release release;
    require_free();
    const std::shared_lock lock(mutex);
    return what(static_cast<const ConvStdp&>(layer));
  }

  // In a forked process, throws if another thread was using the layer at that moment: what it held
  // would stay locked.
  void require_free() {
    for (int tries = 0; process.load(std::memory_order_acquire) != forks(); ++tries) {
      if (mutex.try_lock()) {
        process.store(forks(), std::memory_order_release);
        mutex.unlock();
      } else if (tries == 1000) {  // longer than the lines above take another thread
        throw InUse(
            "ConvSTDP was in use by another thread when this process was forked; create a new one");
      } else {
        std::this_thread::yield();
      }
    }
  }

  ConvStdp layer;  // its shape never changes
  std::shared_mutex mutex;
  std::atomic<unsigned> process{forks()};  // in which the mutex was last known to work
};

py::ssize_t signed_size(std::size_t n) { return static_cast<py::ssize_t>(n); }

template <class T>
std::span<T> writable(py::array_t<T>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

// A new array [n, rows, columns, maps], filled by fill(waves, span) without the GIL.
template <class T, class Fill>
py::array_t<T> over_windows(SharedLayer& shared, const Waves& waves, const ConvPool& pool,
                            Fill fill) {
  const ConvShape& s = shared.layer.shape();
  if (pool.window == 0 || pool.stride == 0) {
    throw py::value_error("window and stride must be at least 1");
  }
  py::array_t<T> out({waves.size() / signed_size(s.inputs()),
                      signed_size(pool.cells(s.out_height())),
                      signed_size(pool.cells(s.out_width())), signed_size(s.maps)});
  const auto to = writable(out);
  const auto from = as_span(waves);
  shared.read([&](const ConvStdp& layer) { fill(layer, from, to); });
  return out;
}

}  // namespace

void bind_conv_stdp(py::module_& m) {
  m.def(
      "dog_waves",
      [](const Array<float>& images, double centre, double surround, std::size_t radius, float cut,
         std::size_t bins, int threads) {
        require_dimensions(images, 3, "images must be [n, height, width]");
        py::array_t<Bin> waves({images.shape(0), images.shape(1), images.shape(2), py::ssize_t{2}});
        const DogWave code{static_cast<std::size_t>(images.shape(1)),
                           static_cast<std::size_t>(images.shape(2)),
                           centre,
                           surround,
                           radius,
                           cut,
                           bins};
        const auto to = writable(waves);
        const py::gil_scoped_release release;
        dog_waves(as_span(images), code, threads, to);
        return waves;
      },
      py::arg("images"), py::arg("center"), py::arg("surround"), py::arg("radius"), py::arg("cut"),
      py::arg("bins"), py::arg("threads"),
      "Waves [n, height, width, 2] of on- and off-centre cells (differences of Gaussians) for "
      "images [n, height, width]: the strongest cells fire first.");
  py::class_<SharedLayer>(
      m, "ConvStdp", "A convolutional layer of integrate-and-fire neurons that learns by STDP.")
      .def(py::init([](const Array<float>& weights, const Array<float>& thresholds,
                       std::size_t height, std::size_t width, std::size_t bins) {
             require_dimensions(weights, 4, "weights must be [kernel, kernel, channels, maps]");
             if (weights.shape(0) != weights.shape(1)) {
               throw py::value_error(
                   "weights must be [kernel, kernel, channels, maps], with equal first two sizes");
             }
             const ConvShape shape{height, width, static_cast<std::size_t>(weights.shape(2)),
                                   static_cast<std::size_t>(weights.shape(0)),
                                   static_cast<std::size_t>(weights.shape(3))};
             return std::make_unique<SharedLayer>(shape, bins, as_span(weights),
                                                  as_span(thresholds));
           }),
           py::arg("weights"), py::arg("thresholds"), py::arg("height"), py::arg("width"),
           py::arg("bins"),
           "A layer with weights [kernel, kernel, channels, maps] and thresholds [maps] for waves "
           "of the given height, width and number of time bins.")
      .def(
          "learn",
          [](SharedLayer& layer, const Waves& waves, float a_plus, float a_minus,
             bool multiplicative, std::size_t winners, std::size_t radius, float theta_plus,
             float theta_min) {
            const ConvRule rule{a_plus, a_minus,    multiplicative, winners,
                                radius, theta_plus, theta_min};
            std::vector<std::uint32_t> wins;
            {
              const py::gil_scoped_release release;
              layer.require_free();
              const std::unique_lock lock(layer.mutex);
              wins = layer.layer.learn(as_span(waves), rule);
            }
            return to_array(std::move(wins));
          },
          py::arg("waves"), py::arg("a_plus"), py::arg("a_minus"), py::arg("multiplicative"),
          py::arg("winners"), py::arg("radius"), py::arg("theta_plus"), py::arg("theta_min"),
          "Learn from waves, one after the other; return how often each map won.")
      .def(
          "respond",
          [](SharedLayer& layer, const Waves& waves, std::size_t window, std::size_t stride,
             int threads) {
            const ConvPool pool{window, stride};
            return over_windows<Bin>(layer, waves, pool,
                                     [&](const ConvStdp& one, auto from, auto to) {
                                       one.respond(from, pool, threads, to);
                                     });
          },
          py::arg("waves"), py::arg("window"), py::arg("stride"), py::arg("threads"),
          "The earliest spike of each map in each window: the wave that the next layer sees.")
      .def(
          "features",
          [](SharedLayer& layer, const Waves& waves, std::size_t window, std::size_t stride,
             int threads) {
            const ConvPool pool{window, stride};
            return over_windows<float>(layer, waves, pool,
                                       [&](const ConvStdp& one, auto from, auto to) {
                                         one.features(from, pool, threads, to);
                                       });
          },
          py::arg("waves"), py::arg("window"), py::arg("stride"), py::arg("threads"),
          "The sum over each window of how early the neurons fire: 1 in the first bin, 0 never.")
      .def_property_readonly(
          "weights",
          [](SharedLayer& layer) {
            const ConvShape& s = layer.layer.shape();
            std::vector<float> w = layer.read([](const ConvStdp& l) { return l.weights(); });
            return to_array(std::move(w), {signed_size(s.kernel), signed_size(s.kernel),
                                           signed_size(s.channels), signed_size(s.maps)});
          },
          "Weights [kernel, kernel, channels, maps].")
      .def_property_readonly(
          "thresholds",
          [](SharedLayer& layer) {
            std::vector<float> all = layer.read([](const ConvStdp& l) { return l.thresholds(); });
            return to_array(std::move(all));
          },
          "Thresholds [maps].");
}

}  // namespace spikelet::layers
