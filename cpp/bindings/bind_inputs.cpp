// What sources and inputs need before they are part of a network.
#include <pybind11/stl.h>

#include <optional>

#include "array.hpp"
#include "bindings.hpp"
#include "make_rates.hpp"
#include "spikelet/network/pulse_packets.hpp"

namespace spikelet {

void bind_inputs(py::module_& m) {
  using Values = Array<double>;
  py::class_<MakeRates>(m, "Rates", "Rates that change with time.")
      .def(py::init([](const Values& rate, const Values& amplitude, const Values& frequency,
                       const Values& phase, std::optional<Step> start, std::optional<Step> stop) {
             const Window window{start.value_or(Window{}.begin), stop.value_or(Window{}.end)};
             return MakeRates{[rate = as_vector(rate), amplitude = as_vector(amplitude),
                               frequency = as_vector(frequency), phase = as_vector(phase),
                               window](const Targets& targets, double dt) {
               return std::make_unique<SineRates>(targets, rate, amplitude, frequency, phase, dt,
                                                  window);
             }};
           }),
           py::arg("rate"), py::arg("amplitude"), py::arg("frequency"), py::arg("phase"),
           py::arg("start") = py::none(), py::arg("stop") = py::none(),
           "Rates that follow a sine [Hz, Hz, Hz, degrees] from step `start` on, before step "
           "`stop`: one value, or one for each element.")
      .def(
          py::init([](const Array<std::int64_t>& starts, const Values& rates, std::size_t columns) {
            return MakeRates{[starts = as_vector(starts), rates = as_vector(rates), columns](
                                 const Targets& targets, double dt) {
              return std::make_unique<SteppedRates>(targets, starts, rates, columns, dt);
            }};
          }),
          py::arg("starts"), py::arg("rates"), py::arg("columns"),
          "Rates [rows, columns], flat [Hz]: row k from step starts[k] on; 1 column: one for all.");
  m.def(
      "pulse_jitter",
      [](std::uint64_t seed, std::uint32_t number, std::uint32_t n, std::uint32_t packets,
         std::uint32_t spikes) { return to_array(pulse_jitter(seed, number, n, packets, spikes)); },
      py::arg("seed"), py::arg("number"), py::arg("n"), py::arg("packets"), py::arg("spikes"),
      "Standard normal numbers [n, packets, spikes], flat, from the random stream with the given "
      "number.");
}

}  // namespace spikelet
