// Recorders.
#include <pybind11/stl.h>

#include <utility>
#include <vector>

#include "array.hpp"
#include "bind_simulator.hpp"
#include "enums.hpp"

namespace spikelet {
namespace {

template <class R>
py::tuple as_tuple(Samples<R>&& samples) {
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(samples.stamps.size()),
                                       static_cast<py::ssize_t>(samples.columns)};
  return py::make_tuple(to_array(std::move(samples.stamps)),
                        to_array(std::move(samples.values), shape));
}

}  // namespace

// What is recorded.
template <class R>
void bind_recorders(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  using Elements = Array<std::uint32_t>;
  const py::arg population("population"), projection("projection"), recorder("recorder"),
      every("every"), after("start"), up_to("stop");
  simulator
      .def(
          "record_spikes",
          [](S& s, std::size_t of, const Array<bool>& wanted) {
            return s.brief()->record_spikes(
                of, std::vector<bool>(wanted.data(), wanted.data() + wanted.size()));
          },
          population, py::arg("wanted"),
          "Record the spikes of the wanted elements; return the number of the recorder.")
      .def(
          "record_state",
          [](S& s, std::size_t of, std::size_t state, const Elements& elements, Step interval,
             bool before_reset) {
            return s.brief()->record_state(of, state, as_vector(elements), interval, before_reset);
          },
          population, py::arg("state"), py::arg("elements"), every, py::arg("before_reset") = false,
          "Record a state every `every` steps; return the number of the recorder. before_reset: "
          "V_m, of neurons that spike in the step before they are reset.")
      .def(
          "record_weights",
          [](S& s, std::size_t of, Step interval) {
            return s.brief()->record_weights(of, interval);
          },
          projection, every,
          "Record weights every `every` steps; return the number of the recorder.")
      .def(
          "recorded_spikes",
          [](S& s, std::size_t number) {
            const auto log = s.look_even_if_broken()->recorders.spikes[number].share();
            return py::make_tuple(view_of(log, log->stamps), view_of(log, log->elements));
          },
          recorder, "Recorded spikes: stamps and elements.")
      .def(
          "recorded_states",
          [](S& s, std::size_t number, Step start, Step stop) {
            Samples<R> found = s.look_even_if_broken()->recorded_states(number, {start, stop});
            return as_tuple(std::move(found));
          },
          recorder, after, up_to,
          "Recorded states with start < stamp <= stop: stamps and values [stamps, elements].")
      .def(
          "recorded_weights",
          [](S& s, std::size_t number, Step start, Step stop) {
            Samples<R> found = s.look_even_if_broken()->recorded_weights(number, {start, stop});
            return as_tuple(std::move(found));
          },
          recorder, after, up_to,
          "Recorded weights with start < stamp <= stop: stamps and values [stamps, synapses].")
      .def(
          "set_window",
          [](S& s, RecorderKind kind, std::size_t number, Step start, Step stop, bool paused) {
            s.brief()->recorders.set_window(kind, number, {start, stop, paused});
          },
          py::arg("kind"), recorder, after, up_to, py::arg("paused"),
          "Record only stamps after `start`, up to `stop`, and nothing while paused.")
      .def(
          "recorded_stamps",
          [](S& s, RecorderKind kind, std::size_t number) {
            std::vector<Step> found = s.look_even_if_broken()->recorders.stamps(kind, number);
            return to_array(std::move(found));
          },
          py::arg("kind"), recorder, "The stamps of recorded states or weights.")
      .def(
          "clear_recorder",
          [](S& s, RecorderKind kind, std::size_t number) {
            s.even_if_broken()->recorders.clear(kind, number);
          },
          py::arg("kind"), recorder, "Forget what a recorder holds.")
      .def(
          "recorded_count",
          [](S& s, RecorderKind kind, std::size_t number) {
            return s.look_even_if_broken()->recorders.count(kind, number);
          },
          py::arg("kind"), recorder, "The number of stamps that a recorder holds.");
}

template void bind_recorders(py::class_<Simulator<float>>&);
template void bind_recorders(py::class_<Simulator<double>>&);

}  // namespace spikelet
