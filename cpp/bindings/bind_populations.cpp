// Parameters and states of neurons, and spike sources.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "array.hpp"
#include "bind_simulator.hpp"
#include "make_rates.hpp"

namespace spikelet {

// Neurons and sources between runs.
template <class R>
void bind_neurons(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  using Elements = Array<std::uint32_t>;
  using Parameters = std::vector<Array<double>>;
  const py::arg population("population"), k("k"), values("values"), rates("rates");
  simulator
      .def(
          "set_parameters",
          [](S& s, std::size_t of, const py::sequence& parameters, bool subtract,
             ParameterSet changed) {
            const GivenParameters given(parameters);
            s.set_parameters(of, given.views(), subtract, changed);
          },
          population, py::arg("parameters"), py::arg("subtract"),
          py::arg("changed") = all_parameters,
          "Set the parameters of a population; states stay. changed: a bit for each parameter that "
          "is not as it was.")
      .def(
          "set_coefficients",
          [](S& s, std::size_t of, const Parameters& coefficients, const Array<double>& t_ref) {
            ProgramViews given;
            for (const Array<double>& coefficient : coefficients) {
              given.coefficients.push_back(as_span(coefficient));
            }
            given.t_ref = as_span(t_ref);
            s.brief()->network.neurons(of).set_coefficients(given);
          },
          population, py::arg("coefficients"), py::arg("t_ref"),
          "Set the coefficients and t_ref [ms] of neurons that a program moves; states stay.")
      .def(
          "state",
          [](S& s, std::size_t of, std::size_t state) {
            std::vector<R> found = s.look()->network.neurons(of).state(state);
            return to_array(std::move(found));
          },
          population, k, "State k of the neurons; potentials are absolute.")
      .def(
          "set_state",
          [](S& s, std::size_t of, std::size_t state, const Array<R>& to) {
            s.brief()->network.neurons(of).set_state(state, as_vector(to));
          },
          population, k, values, "Set state k of the neurons.")
      .def(
          "has_run",
          [](S& s, std::size_t of) { return !s.look()->network.nodes[of].initial.empty(); },
          population, "Whether the population has left its first step.")
      .def(
          "raw_state",
          [](S& s, std::size_t of, std::size_t state) {
            std::vector<R> found = s.look()->network.neurons(of).raw_state(state);
            return to_array(std::move(found));
          },
          population, k, "State k as stored, for an exact copy.")
      .def(
          "set_raw_state",
          [](S& s, std::size_t of, std::size_t state, const Array<R>& to) {
            s.brief()->network.neurons(of).set_raw_state(state, as_vector(to));
          },
          population, k, values, "Set state k as stored.")
      .def(
          "initial_state",
          [](S& s, std::size_t of, std::size_t state) {
            std::vector<R> found = s.look()->network.initial_state(of, state);
            return to_array(std::move(found));
          },
          population, k, "State k at step 0, to which `reset` returns.")
      .def(
          "set_initial_state",
          [](S& s, std::size_t of, std::size_t state, const Array<R>& to) {
            s.set_initial_state(of, state, as_vector(to));
          },
          population, k, values, "Set state k at step 0.")
      .def(
          "held",
          [](S& s, std::size_t of) {
            std::vector<std::int32_t> found = s.look()->network.neurons(of).held(s.now());
            return to_array(std::move(found));
          },
          population, "The number of steps for which each neuron remains refractory.")
      .def(
          "set_held",
          [](S& s, std::size_t of, const Array<std::int32_t>& steps) {
            s.brief()->network.neurons(of).set_held(as_vector(steps), s.now());
          },
          population, py::arg("steps"), "Set for how many more steps each neuron is refractory.")
      .def(
          "set_events",
          [](S& s, std::size_t of, const Array<std::int64_t>& stamps, const Elements& elements) {
            s.brief()->network.nodes[of].events.emplace(as_vector(stamps), as_vector(elements));
          },
          population, py::arg("stamps"), py::arg("elements"),
          "Replace the list of spikes of a source.")
      .def(
          "set_rates",
          [](S& s, std::size_t of, const Array<double>& hz) {
            s.brief()->network.nodes[of].poisson->set_rates(as_span(hz), s.dt());
          },
          population, rates, "Set the rates of Poisson sources [Hz].")
      .def(
          "set_changing_rates",
          [](S& s, std::size_t of, const MakeRates& changing) {
            const auto parts = s.brief();
            Node<R>& node = parts->network.nodes[of];
            node.poisson->set_rates(
                changing.make(Targets(node.size, own_range(0, node.size, 0, 1)), s.dt()));
          },
          population, rates, "Set rates of Poisson sources that change with time.");
}

template void bind_neurons(py::class_<Simulator<float>>&);
template void bind_neurons(py::class_<Simulator<double>>&);

}  // namespace spikelet
