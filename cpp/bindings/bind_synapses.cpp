// Reading and writing synapses.
#include <pybind11/stl.h>

#include <string>
#include <utility>

#include "array.hpp"
#include "bind_simulator.hpp"
#include "plastic_dict.hpp"
#include "spikelet/core/event_rule.hpp"
#include "spikelet/network/replacement.hpp"

namespace spikelet {
namespace {

template <class R>
py::tuple as_tuple(SynapseTable<R>&& table) {
  return py::make_tuple(to_array(table.row.whole()), to_array(std::move(table.post)),
                        to_array(std::move(table.weight)), to_array(std::move(table.delay)));
}

}  // namespace

// Synapses between runs, and plasticity.
template <class R>
void bind_synapses(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  const py::call_guard<py::gil_scoped_release> no_gil;
  const py::arg projection("projection"), values("values"), every("every");
  simulator
      .def(
          "projection_size",
          [](S& s, std::size_t of) {
            return s.look_even_if_broken()->network.projections[of].size;
          },
          projection, "The number of synapses of a projection in this process.")
      .def(
          "projection_total",
          [](S& s, std::size_t of) {
            const auto parts = s.lengthy();
            const Projection<R>& p = parts->network.projections[of];
            return p.total ? p.total() : p.size;
          },
          projection, no_gil, "The number of synapses of a projection in all processes.")
      .def(
          "synapses",
          [](S& s, std::size_t of, bool weights) { return as_tuple(s.synapses(of, weights)); },
          projection, py::arg("weights") = true,
          "Rows (begins by source), targets, weights and delays [steps]. weights: whether these "
          "are "
          "wanted; without, they may be empty.")
      .def(
          "weights", [](S& s, std::size_t of) { return to_array(s.weights(of)); }, projection,
          "The current weights.")
      .def(
          "set_weights",
          [](S& s, std::size_t of, const Array<R>& to) { s.set_weights(of, as_span(to)); },
          projection, values, "Set the weights.")
      .def(
          "traces",
          [](S& s, std::size_t of) {
            py::dict found;
            for (auto& [name, trace] : s.traces(of)) {
              found[py::str(name)] = to_array(std::move(trace));
            }
            return found;
          },
          projection, "The traces of a plastic projection, by name, one entry for each synapse.")
      .def(
          "describe_storage", [](S& s, std::size_t of) { return s.look()->access.describe(of); },
          projection, "How the synapses are stored.")
      .def(
          "weight_step",
          [](S& s, std::size_t of) { return s.look()->network.projections[of].step; }, projection,
          "Step of the grid of 16-bit weights; 0: they are floats.")
      .def(
          "synapse_bytes", [](S& s) { return s.look()->layout.synapse_bytes(); },
          "Bytes of all synapses.")
      .def("normalize", &S::normalise, projection, py::arg("total"), no_gil,
           "Scale each target's weights to the sum `total`, now.")
      .def(
          "regulate",
          [](S& s, std::size_t of, Step interval, Regulation how) {
            how.projection = of;
            how.every = interval;
            s.brief()->regulate(how);
          },
          projection, every, py::arg("how"), "Regulate weights every `every` steps.")
      .def(
          "set_regulation",
          [](S& s, std::size_t k, std::size_t of, Step interval, Regulation how) {
            how.projection = of;
            how.every = interval;
            s.brief()->set_regulation(k, how);
          },
          py::arg("regulation"), projection, every, py::arg("how"),
          "Change the values of a regulation; another interval begins now.")
      .def(
          "remove_regulation", [](S& s, std::size_t k) { s.brief()->remove_regulation(k); },
          py::arg("regulation"), "Remove a regulation; later ones get the next smaller numbers.")
      .def(
          "interval",
          [](S& s, std::size_t k) {
            auto [begin, spikes] = [&] {
              const auto parts = s.brief();
              return std::pair(parts->intervals[k].begin, parts->interval_spikes(k));
            }();
            return py::make_tuple(begin, to_array(std::move(spikes)));
          },
          py::arg("regulation"),
          "The interval that a scaling is in: its first step, and how often each target has fired "
          "since.")
      .def(
          "set_interval",
          [](S& s, std::size_t k, Step begin, const Array<std::uint32_t>& spikes) {
            s.brief()->set_interval(k, begin, as_span(spikes));
          },
          py::arg("regulation"), py::arg("begin"), py::arg("spikes"),
          "Set the interval that a scaling is in, with one number of spikes for each target.")
      .def(
          "set_amplitudes",
          [](S& s, std::size_t of, const Plasticity& plasticity) {
            const py::gil_scoped_release release;
            s.set_amplitudes(of, plasticity.parameters);
          },
          projection, py::arg("plasticity"), "Use the same rule with other amplitudes from now on.")
      .def("signal", &S::signal, projection, py::arg("value"),
           py::call_guard<py::gil_scoped_release>(),
           "Run what the projection's rule from text does at a signal.")
      .def(
          "add_signal",
          [](S& s, std::size_t of, Step step, double value) {
            s.brief()->signals.add({of, step, value});
          },
          projection, py::arg("step"), py::arg("value"), "Give such a signal at a later step.")
      .def(
          "follow",
          [](S& s, std::size_t of, std::size_t population, std::uint32_t first, std::uint32_t size,
             double value, Step delay, Step since) {
            const auto parts = s.brief();
            const Gid gid = parts->network.nodes[population].first_gid + first;
            parts->follow({of, population, gid, size, value, delay, since});
          },
          projection, py::arg("population"), py::arg("first"), py::arg("size"), py::arg("value"),
          py::arg("delay"), py::arg("since"),
          "Give a signal `delay` steps after each spike of some elements, of a stamp after "
          "`since`.")
      .def(
          "forget_signals", [](S& s, std::size_t of) { s.brief()->forget_signals(of); }, projection,
          "Give it none of the signals that were to come.")
      .def(
          "signals",
          [](S& s) {
            py::list given, followed;
            const auto parts = s.look();
            for (const Signal& x : parts->signals.given()) {
              given.append(py::make_tuple(x.projection, x.step, x.value));
            }
            for (const SpikeSignal& x : parts->signals.followed()) {
              const Gid first = x.first - parts->network.nodes[x.population].first_gid;
              followed.append(py::make_tuple(x.projection, x.population, first, x.size, x.value,
                                             x.delay, x.since));
            }
            return py::make_tuple(given, followed);
          },
          "The arguments of `add_signal` for signals to come, and those of `follow`.")
      .def("set_reward", &S::set_reward, projection, py::arg("step"), py::arg("level"),
           "Set the level of the reward from a step on.")
      .def(
          "reward",
          [](S& s, std::size_t of) {
            const auto parts = s.brief();
            return parts->network.projections[of].reward->level(parts->network.now);
          },
          projection, "The level of the reward now.")
      .def(
          "plastic_state", &plastic_state<R>, projection,
          "The state that an exact copy of a plastic projection needs besides its synapses: arrays "
          "by name, and its clock.")
      .def("set_plastic_state", &set_plastic_state<R>, projection, py::arg("state"),
           "Set what `plastic_state` returned.")
      .def(
          "born", [](S& s, std::size_t of) { return s.look()->network.projections[of].born; },
          projection, "The step up to which spikes do not use a projection.")
      .def(
          "time_constants",
          [](S& s, std::size_t of) {
            const auto parts = s.look();
            const Plasticity& rule = *parts->network.projections[of].rule;
            return rule.info().time_constants(rule.parameters.data());
          },
          projection,
          "Of the traces of a plastic projection: pre, post, pre_2, post_2 [ms]; 0: there is none.")
      .def(
          "initial_variables",
          [](S& s, std::size_t of) {
            const auto parts = s.look();
            const EventRule& rule = *parts->network.projections[of].rule->events;
            return std::pair(initial_values(rule, EventRule::Keeper::synapse),
                             initial_values(rule, EventRule::Keeper::source));
          },
          projection,
          "What the variables of a rule from text begin with, of synapses (weights first) and of "
          "sources.")
      .def(
          "replace_projection",
          [](S& s, std::size_t of, const std::string& storage) {
            replace_projection(s.lengthy()->network, of, storage);
          },
          projection, py::arg("storage"),
          "Put the projection that was added last in the place of another one. storage: how the "
          "synapses are stored whose state goes on, or an empty text.")
      .def(
          "replace_population",
          [](S& s, std::size_t of) { replace_population(s.lengthy()->network, of); },
          py::arg("population"),
          "Put the population that was added last, without elements, in the place of another one.");
}

template void bind_synapses(py::class_<Simulator<float>>&);
template void bind_synapses(py::class_<Simulator<double>>&);

}  // namespace spikelet
