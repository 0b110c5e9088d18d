// Inputs without a source population.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "array.hpp"
#include "bind_simulator.hpp"
#include "make_rates.hpp"
#include "spikelet/network/given_currents.hpp"

namespace spikelet {
namespace {

template <class Input>
std::unique_ptr<Input> until(std::unique_ptr<Input> input, std::optional<Step> stop) {
  if (stop) {
    input->stop_at(*stop);
  }
  return input;
}

}  // namespace

// Inputs. Each kind has an `inject_*`, which adds an input and returns its number, or replaces the
// one of a given number. stop: the step before which it ends.
template <class R>
void bind_injection(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  using MaybeElements = std::optional<Array<std::uint32_t>>;
  using MaybeNumber = std::optional<std::uint32_t>;
  using MaybeStreams = std::optional<std::vector<std::uint32_t>>;
  const auto span_of = [](const MaybeElements& elements) {
    return elements ? std::optional(as_span(*elements)) : std::nullopt;
  };
  const py::arg population("population"), elements("elements"), start("start");
  using MaybeStep = std::optional<Step>;
  const auto number = py::arg("number") = py::none(), streams = py::arg("streams") = py::none(),
             stop = py::arg("stop") = py::none();
  simulator
      .def(
          "inject_poisson",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<double>& hz,
                    bool each, const Array<double>& weights, Step from, MaybeNumber which,
                    MaybeStreams draws, int receptor, MaybeStep end) {
            return s.brief()->network.inject(
                into, span_of(at),
                [&](const InputSite& site) {
                  return until(
                      std::make_unique<PoissonInput<R>>(site, as_span(hz), each, as_span(weights),
                                                        Receptor{receptor}, from),
                      end);
                },
                {which, std::move(draws)});
          },
          population, elements, py::arg("rates"), py::arg("each"), py::arg("weights"), start,
          number, streams, py::arg("receptor") = -1, stop,
          "Give each neuron an independent Poisson train of events from step `start` on. each: the "
          "rates are those of single neurons. receptor: its number; -1: as the signs of the "
          "weights "
          "say.")
      .def(
          "inject_changing_poisson",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const MakeRates& changing,
                    const Array<double>& weights, Step from, MaybeNumber which, MaybeStreams draws,
                    int receptor, MaybeStep end) {
            return s.brief()->network.inject(
                into, span_of(at),
                [&](const InputSite& site) {
                  return until(
                      std::make_unique<PoissonInput<R>>(site, changing.make(site.targets, site.dt),
                                                        as_span(weights), Receptor{receptor}, from),
                      end);
                },
                {which, std::move(draws)});
          },
          population, elements, py::arg("rates"), py::arg("weights"), start, number, streams,
          py::arg("receptor") = -1, stop,
          "Give each neuron an independent Poisson train whose rate changes with time.")
      .def(
          "inject_current",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<R>& pa,
                    std::size_t columns, Step from, MaybeNumber which, MaybeStreams draws) {
            return s.brief()->network.inject(into, span_of(at),
                                             [&](const InputSite& site) {
                                               return std::make_unique<CurrentInput<R>>(
                                                   site, as_span(pa), columns, from);
                                             },
                                             {which, std::move(draws)});
          },
          population, elements, py::arg("values"), py::arg("columns"), start, number, streams,
          "Inject currents [steps, columns], flat, from step `start` on; 1 column: one for all.")
      .def(
          "inject_step_current",
          [span_of](S& s, std::size_t into, const MaybeElements& at,
                    const Array<std::int64_t>& starts, const Array<R>& pa, std::size_t columns,
                    MaybeNumber which, MaybeStreams draws) {
            return s.brief()->network.inject(into, span_of(at),
                                             [&](const InputSite& site) {
                                               return std::make_unique<StepCurrent<R>>(
                                                   site, as_vector(starts), as_span(pa), columns);
                                             },
                                             {which, std::move(draws)});
          },
          population, elements, py::arg("starts"), py::arg("values"), py::arg("columns"), number,
          streams, "Inject currents [rows, columns], flat: row k from step starts[k] on.")
      .def(
          "inject_sine_current",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<double>& amplitude,
                    const Array<double>& offset, const Array<double>& frequency,
                    const Array<double>& phase, Step from, MaybeNumber which, MaybeStreams draws,
                    MaybeStep end) {
            return s.brief()->network.inject(
                into, span_of(at),
                [&](const InputSite& site) {
                  return until(
                      std::make_unique<SineCurrent<R>>(site, as_span(amplitude), as_span(offset),
                                                       as_span(frequency), as_span(phase), from),
                      end);
                },
                {which, std::move(draws)});
          },
          population, elements, py::arg("amplitude"), py::arg("offset"), py::arg("frequency"),
          py::arg("phase"), start, number, streams, stop,
          "Inject a sine [pA, pA, Hz, degrees] of the network's time, from step `start` on.")
      .def(
          "inject_noise",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<double>& mean,
                    const Array<double>& std, Step interval, Step from, MaybeNumber which,
                    MaybeStreams draws, MaybeStep end) {
            return s.brief()->network.inject(
                into, span_of(at),
                [&](const InputSite& site) {
                  return until(std::make_unique<NoiseInput<R>>(site, as_span(mean), as_span(std),
                                                               interval, from),
                               end);
                },
                {which, std::move(draws)});
          },
          population, elements, py::arg("mean"), py::arg("std"), py::arg("every"), start, number,
          streams, stop, "Inject a normally distributed current, redrawn every `every` steps.")
      .def(
          "remove_input", [](S& s, std::uint32_t which) { s.brief()->network.remove_input(which); },
          py::arg("number"), "Remove an input.")
      .def(
          "input_streams",
          [](S& s, std::uint32_t which) { return s.look()->network.inputs.at(which).streams; },
          py::arg("number"), "The numbers of the random streams of an input.")
      .def_property(
          "streams", [](S& s) { return s.look()->network.streams; },
          [](S& s, std::uint32_t taken) { s.brief()->network.streams = taken; },
          "How many random streams inputs have taken.");
}

template void bind_injection(py::class_<Simulator<float>>&);
template void bind_injection(py::class_<Simulator<double>>&);

}  // namespace spikelet
