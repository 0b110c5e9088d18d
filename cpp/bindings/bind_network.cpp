// The simulator, once for each precision. Each of its methods asks whether it may touch the network
// (Guarded), and what takes long releases the interpreter lock first. A method must not call Python
// before it has let go of the network again: that is why all of them take and return plain values.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "array.hpp"
#include "bindings.hpp"
#include "communicator.hpp"
#include "enums.hpp"
#include "make_rates.hpp"
#include "plastic_dict.hpp"
#include "spikelet/network/given_currents.hpp"
#include "spikelet/network/run_all.hpp"
#include "spikelet/network/simulator.hpp"
#include "spikelet/network/synapse_stream.hpp"

namespace spikelet {
namespace {

Selection as_selection(std::size_t population_size,
                       const std::optional<Array<std::uint32_t>>& elements) {
  Selection selection;
  selection.population_size = population_size;
  if (elements) {
    selection.all = false;
    selection.elements = as_vector(*elements);
  }
  return selection;
}

ParameterValues as_parameters(const std::vector<Array<double>>& arrays) {
  ParameterValues values;
  for (const auto& array : arrays) {
    values.push_back(as_vector(array));
  }
  return values;
}

// The same from numbers, which most parameters are, and arrays.
ParameterValues as_parameters(const py::sequence& given) {
  ParameterValues values;
  values.reserve(given.size());
  for (const py::handle value : given) {
    if (PyFloat_CheckExact(value.ptr())) {
      values.push_back({PyFloat_AS_DOUBLE(value.ptr())});
    } else {
      values.push_back(as_vector(value.cast<Array<double>>()));
    }
  }
  return values;
}

template <class R>
py::tuple as_tuple(SynapseTable<R>&& table) {
  return py::make_tuple(to_array(std::move(table.row)), to_array(std::move(table.post)),
                        to_array(std::move(table.weight)), to_array(std::move(table.delay)));
}

template <class R>
py::tuple as_tuple(Samples<R>&& samples) {
  const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(samples.stamps.size()),
                                       static_cast<py::ssize_t>(samples.columns)};
  return py::make_tuple(to_array(std::move(samples.stamps)),
                        to_array(std::move(samples.values), shape));
}

// Signals and the progress callback are polled a few dozen times a second, at step boundaries. What
// they raise is thrown after the run, as other ranks may still be in collective calls.
template <class R>
Step run_polled(Simulator<R>& s, Step steps,
                const std::optional<std::function<void(Step)>>& progress) {
  std::exception_ptr raised;
  const auto poll = [&](Step step) {
    const py::gil_scoped_acquire acquire;
    try {
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
      if (progress) {
        (*progress)(step);
      }
    } catch (const py::error_already_set&) {
      raised = std::current_exception();
    }
    return raised != nullptr;
  };
  Step done = 0;
  {
    const py::gil_scoped_release release;
    done = s.run(steps, poll);
  }
  if (raised) {
    std::rethrow_exception(raised);
  }
  return done;
}

// A Python exception object for one of C++.
py::object as_python(const std::exception_ptr& error) {
  try {
    py::cpp_function([&] { std::rethrow_exception(error); })();
  } catch (py::error_already_set& raised) {
    return raised.value();
  }
  return py::none();
}

// Runs simulators of either precision at once; returns an exception or None for each.
py::list run_all_polled(const py::sequence& simulators, const std::vector<Step>& steps, int threads,
                        const std::optional<std::function<void(std::size_t)>>& progress) {
  require_threads(threads);
  std::vector<RunOne> runs;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const auto add = [&](auto& simulator) {
      runs.emplace_back(
          [&simulator, end = steps[k]](const Poll& poll) { simulator.run(end, poll, 1); });
    };
    const py::object simulator = simulators[k];
    if (py::isinstance<Simulator<float>>(simulator)) {
      add(simulator.cast<Simulator<float>&>());
    } else {
      add(simulator.cast<Simulator<double>&>());
    }
  }
  std::exception_ptr raised;
  const auto poll = [&](std::size_t through) {
    const py::gil_scoped_acquire acquire;
    try {
      if (PyErr_CheckSignals() != 0) {
        throw py::error_already_set();
      }
      if (progress) {
        (*progress)(through);
      }
    } catch (const py::error_already_set&) {
      raised = std::current_exception();
    }
    return raised != nullptr;
  };
  std::vector<std::exception_ptr> errors;
  {
    const py::gil_scoped_release release;
    errors = run_all(runs, threads, poll);
  }
  if (raised) {
    std::rethrow_exception(raised);
  }
  py::list found;
  for (const std::exception_ptr& error : errors) {
    found.append(error ? as_python(error) : py::none());
  }
  return found;
}

// The network itself: its clock and its runs.
template <class R>
void bind_running(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  using Elements = Array<std::uint32_t>;
  const py::call_guard<py::gil_scoped_release> no_gil;
  const py::arg population("population");
  simulator
      .def(py::init([](double dt, std::uint64_t seed, int threads, bool adapt,
                       const py::object& comm, const py::object& minimum) {
             return std::make_unique<S>(dt, seed, threads, adapt, as_communicator(comm, minimum),
                                        true);
           }),
           py::arg("dt"), py::arg("seed"), py::arg("threads"), py::arg("adapt"),
           py::arg("comm") = py::none(), py::arg("minimum") = py::none(),
           "An empty network. adapt: use fewer threads if more would not help. comm, minimum: "
           "mpi4py's communicator and its operation MIN, if processes share the network.")
      .def(
          "own",
          [](S& s, std::size_t of) {
            const Range own = s.own(of);
            return py::make_tuple(own.begin, own.end);
          },
          population, "The elements [begin, end) that this process owns.")
      .def(
          "exchange_statistics",
          [](S& s) {
            const ExchangeStatistics x = s.exchange_statistics();
            return py::make_tuple(x.exchanges, x.collectives, x.spikes, x.bytes_sent,
                                  x.bytes_received, x.seconds);
          },
          "Spike exchanges between processes so far: exchanges, collective calls, spikes, bytes "
          "sent, bytes received, seconds.")
      .def_property_readonly("now", &S::now, "The present step.")
      .def_property_readonly("busy", &S::busy,
                             "Whether a lengthy call, such as a run, is going on.")
      .def_property_readonly(
          "failed", &S::failed,
          "Whether a call has failed half-way: nothing but recordings can be read.")
      .def_property_readonly("layouts", &S::layouts, "How often the network was laid out.")
      .def("prepare", &S::prepare, no_gil, "Lay out the network; `run` does so when needed.")
      .def("meet", &S::meet, py::arg("steps"), py::arg("plan"), no_gil,
           "Raise an error on all ranks unless all are about to run for `steps`, with the same "
           "`plan`.")
      .def("run", &run_polled<R>, py::arg("steps"), py::arg("progress"),
           "Advance by `steps`, calling progress(step) occasionally; return the steps done.")
      .def("reset", &S::reset, py::arg("keep_weights"), py::arg("at"),
           "Return to the initial states, at step `at`; plastic weights are kept as they are now, "
           "or become the initial ones.")
      .def(
          "in_flight",
          [](S& s) {
            auto spikes = s.in_flight();
            return py::make_tuple(to_array(std::move(spikes.stamps)),
                                  to_array(std::move(spikes.gids)));
          },
          "Spikes that may still be in flight: stamps, and elements numbered through all "
          "populations.")
      .def(
          "set_clock",
          [](S& s, Step now, const Array<std::int64_t>& stamps, const Elements& gids) {
            s.set_clock(now, {as_vector(stamps), as_vector(gids)});
          },
          py::arg("now"), py::arg("stamps"), py::arg("gids"),
          "Set the present step and the spikes in flight.");
}

// Populations, projections and inputs.
template <class R>
void bind_building(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  using Elements = Array<std::uint32_t>;
  using Parameters = std::vector<Array<double>>;
  using MaybePlasticity = std::optional<Plasticity>;
  using MaybeLargest = std::optional<double>;
  const auto as_bits = [](const MaybeLargest& int16) {
    return int16 ? WeightBits{true, *int16} : WeightBits{};
  };
  const py::arg population("population"), n("n"), rates("rates");
  const py::arg_v largest("int16", py::none());
  simulator
      .def(
          "add_neurons",
          [](S& s, std::size_t model, std::size_t size, const py::sequence& parameters,
             bool subtract) {
            return s.add_neurons(model, size, as_parameters(parameters), subtract);
          },
          py::arg("model"), n, py::arg("parameters"), py::arg("subtract"),
          "Add a population of neurons of a model, by its place in `neuron_models`; return its "
          "number. subtract: a spike subtracts the threshold.")
      .def(
          "add_program",
          [](S& s, std::shared_ptr<Program> program, std::size_t size,
             const Parameters& coefficients, const Array<double>& t_ref) {
            return s.add_program(std::move(program), size,
                                 {as_parameters(coefficients), as_vector(t_ref)});
          },
          py::arg("program"), n, py::arg("coefficients"), py::arg("t_ref"),
          "Add a population of neurons that a program moves, with its coefficients and t_ref [ms], "
          "each one value or one for each neuron; return its number.")
      .def(
          "add_events",
          [](S& s, std::size_t size, const Array<std::int64_t>& stamps, const Elements& elements) {
            return s.add_events(size, as_vector(stamps), as_vector(elements));
          },
          n, py::arg("stamps"), py::arg("elements"),
          "Add a population that spikes as listed; return its number.")
      .def(
          "add_poisson",
          [](S& s, std::size_t size, const Array<double>& hz) {
            return s.add_poisson(size, as_span(hz));
          },
          n, rates, "Add a population of Poisson sources; return its number.")
      .def(
          "connect",
          [as_bits](S& s, std::size_t pre, std::size_t post, std::size_t n_pre, std::size_t n_post,
                    const std::optional<Elements>& pre_elements,
                    const std::optional<Elements>& post_elements, const ConnectionRule& rule,
                    const ValueSpec& weight, const ValueSpec& delay, int receptor,
                    const MaybePlasticity& plasticity, const MaybeLargest& int16) {
            const auto from = as_selection(n_pre, pre_elements),
                       to = as_selection(n_post, post_elements);
            const py::gil_scoped_release release;
            const auto draw = [&](std::uint32_t number, Range own) {
              return Drawing<R>(rule, from, to, pre == post, weight, delay, s.dt(), s.seed(),
                                number, s.threads(), own);
            };
            return s.connect(pre, post, draw, Receptor{receptor}, plasticity, as_bits(int16));
          },
          py::arg("pre"), py::arg("post"), py::arg("n_pre"), py::arg("n_post"),
          py::arg("pre_elements"), py::arg("post_elements"), py::arg("rule"), py::arg("weight"),
          py::arg("delay"), py::arg("receptor"), py::arg("plasticity"), largest,
          "Connect two populations, or elements of them, by a rule; return the number of the "
          "projection. int16: the largest magnitude of weights of 16 bits, 0 for that of the rule; "
          "None: floats.")
      .def(
          "connect_lists",
          [as_bits](S& s, std::size_t pre, std::size_t post, std::size_t n_pre,
                    const Elements& pre_ids, const Elements& post_ids, const Array<R>& weight,
                    const Array<std::uint16_t>& delay, int receptor,
                    const MaybePlasticity& plasticity, std::optional<Step> born,
                    const MaybeLargest& int16) {
            const py::gil_scoped_release release;
            auto table = SynapseTable<R>::from_lists(n_pre, as_span(pre_ids), as_span(post_ids),
                                                     as_span(weight), as_span(delay), s.threads());
            return s.connect(pre, post, std::move(table), Receptor{receptor}, plasticity, born, {},
                             as_bits(int16));
          },
          py::arg("pre"), py::arg("post"), py::arg("n_pre"), py::arg("pre_ids"),
          py::arg("post_ids"), py::arg("weight"), py::arg("delay"), py::arg("receptor"),
          py::arg("plasticity"), py::arg("born"), largest,
          "Connect two populations by lists; return the number of the projection. Spikes up to "
          "step `born` do not use it. int16: see connect().")
      .def(
          "connect_stream",
          [](S& s, std::size_t pre, std::size_t post, SynapseStream<R>& stream, int receptor,
             const MaybePlasticity& plasticity) {
            const py::gil_scoped_release release;
            const std::size_t total = stream.total();
            return s.connect(pre, post, stream.take(s.threads()), Receptor{receptor}, plasticity,
                             {}, [total] { return total; });
          },
          py::arg("pre"), py::arg("post"), py::arg("stream"), py::arg("receptor"),
          py::arg("plasticity"),
          "Connect two populations by what a stream holds, which is empty then; return the number "
          "of the projection.");
}

template <class R>
void bind_stream(py::module_& m, const char* name) {
  using S = SynapseStream<R>;
  using Elements = Array<std::uint32_t>;
  py::class_<S>(m, name, "Synapses that come in blocks, twice: to be counted, then to be placed.")
      .def(py::init(
               [](std::size_t n_pre, std::size_t n_post, std::uint32_t begin, std::uint32_t end) {
                 return std::make_unique<S>(n_pre, n_post, Range{begin, end});
               }),
           py::arg("n_pre"), py::arg("n_post"), py::arg("begin"), py::arg("end"),
           "Between populations of these sizes; only synapses onto [begin, end) are kept.")
      .def(
          "count",
          [](S& s, const Elements& pre_ids, const Elements& post_ids) {
            const auto pre = as_span(pre_ids), post = as_span(post_ids);
            const py::gil_scoped_release release;
            s.count(pre, post);
          },
          py::arg("pre_ids"), py::arg("post_ids"), "Count the synapses of a block.")
      .def(
          "place",
          [](S& s, const Elements& pre_ids, const Elements& post_ids, const Array<R>& weight,
             const Array<std::uint16_t>& delay) {
            const auto pre = as_span(pre_ids), post = as_span(post_ids);
            const auto weights = as_span(weight);
            const auto delays = as_span(delay);
            const py::gil_scoped_release release;
            s.place(pre, post, weights, delays);
          },
          py::arg("pre_ids"), py::arg("post_ids"), py::arg("weight"), py::arg("delay"),
          "Place the synapses of a block; weights and delays [steps] are one, or one for each.");
}

// Inputs. Each kind has an `inject_*`, which adds an input and returns its number, or replaces the
// one of a given number.
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
  const auto number = py::arg("number") = py::none(), streams = py::arg("streams") = py::none();
  simulator
      .def(
          "inject_poisson",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<double>& hz,
                    bool each, const Array<double>& weights, Step from, MaybeNumber which,
                    MaybeStreams draws, int receptor) {
            return s.inject(into, span_of(at),
                            [&](const InputSite& site) {
                              return std::make_unique<PoissonInput<R>>(site, as_span(hz), each,
                                                                       as_span(weights),
                                                                       Receptor{receptor}, from);
                            },
                            {which, std::move(draws)});
          },
          population, elements, py::arg("rates"), py::arg("each"), py::arg("weights"), start,
          number, streams, py::arg("receptor") = -1,
          "Give each neuron an independent Poisson train of events from step `start` on. each: the "
          "rates are those of single neurons. receptor: its number; -1: as the signs of the "
          "weights "
          "say.")
      .def(
          "inject_changing_poisson",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const MakeRates& changing,
                    const Array<double>& weights, Step from, MaybeNumber which, MaybeStreams draws,
                    int receptor) {
            return s.inject(into, span_of(at),
                            [&](const InputSite& site) {
                              return std::make_unique<PoissonInput<R>>(
                                  site, changing.make(site.targets, site.dt), as_span(weights),
                                  Receptor{receptor}, from);
                            },
                            {which, std::move(draws)});
          },
          population, elements, py::arg("rates"), py::arg("weights"), start, number, streams,
          py::arg("receptor") = -1,
          "Give each neuron an independent Poisson train whose rate changes with time.")
      .def(
          "inject_current",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<R>& pa,
                    std::size_t columns, Step from, MaybeNumber which, MaybeStreams draws) {
            return s.inject(into, span_of(at),
                            [&](const InputSite& site) {
                              return std::make_unique<CurrentInput<R>>(site, as_span(pa), columns,
                                                                       from);
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
            return s.inject(into, span_of(at),
                            [&](const InputSite& site) {
                              return std::make_unique<StepCurrent<R>>(site, as_vector(starts),
                                                                      as_span(pa), columns);
                            },
                            {which, std::move(draws)});
          },
          population, elements, py::arg("starts"), py::arg("values"), py::arg("columns"), number,
          streams, "Inject currents [rows, columns], flat: row k from step starts[k] on.")
      .def(
          "inject_sine_current",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<double>& amplitude,
                    const Array<double>& offset, const Array<double>& frequency,
                    const Array<double>& phase, Step from, MaybeNumber which, MaybeStreams draws) {
            return s.inject(into, span_of(at),
                            [&](const InputSite& site) {
                              return std::make_unique<SineCurrent<R>>(
                                  site, as_span(amplitude), as_span(offset), as_span(frequency),
                                  as_span(phase), from);
                            },
                            {which, std::move(draws)});
          },
          population, elements, py::arg("amplitude"), py::arg("offset"), py::arg("frequency"),
          py::arg("phase"), start, number, streams,
          "Inject a sine [pA, pA, Hz, degrees] of the network's time, from step `start` on.")
      .def(
          "inject_noise",
          [span_of](S& s, std::size_t into, const MaybeElements& at, const Array<double>& mean,
                    const Array<double>& std, Step interval, Step from, MaybeNumber which,
                    MaybeStreams draws) {
            return s.inject(into, span_of(at),
                            [&](const InputSite& site) {
                              return std::make_unique<NoiseInput<R>>(site, as_span(mean),
                                                                     as_span(std), interval, from);
                            },
                            {which, std::move(draws)});
          },
          population, elements, py::arg("mean"), py::arg("std"), py::arg("every"), start, number,
          streams, "Inject a normally distributed current, redrawn every `every` steps.")
      .def("remove_input", &S::remove_input, py::arg("number"), "Remove an input.")
      .def("input_streams", &S::input_streams, py::arg("number"),
           "The numbers of the random streams of an input.")
      .def_property("streams", &S::streams, &S::set_streams,
                    "How many random streams inputs have taken.");
}

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
          [](S& s, std::size_t of, const py::sequence& parameters, bool subtract) {
            s.set_parameters(of, as_parameters(parameters), subtract);
          },
          population, py::arg("parameters"), py::arg("subtract"),
          "Set the parameters of a population; states stay.")
      .def(
          "set_coefficients",
          [](S& s, std::size_t of, const Parameters& coefficients, const Array<double>& t_ref) {
            s.set_coefficients(of, {as_parameters(coefficients), as_vector(t_ref)});
          },
          population, py::arg("coefficients"), py::arg("t_ref"),
          "Set the coefficients and t_ref [ms] of neurons that a program moves; states stay.")
      .def(
          "state",
          [](S& s, std::size_t of, std::size_t state) { return to_array(s.state(of, state)); },
          population, k, "State k of the neurons; potentials are absolute.")
      .def(
          "set_state",
          [](S& s, std::size_t of, std::size_t state, const Array<R>& to) {
            s.set_state(of, state, as_vector(to));
          },
          population, k, values, "Set state k of the neurons.")
      .def("has_run", &S::has_run, population, "Whether the population has left its first step.")
      .def(
          "raw_state",
          [](S& s, std::size_t of, std::size_t state) { return to_array(s.raw_state(of, state)); },
          population, k, "State k as stored, for an exact copy.")
      .def(
          "set_raw_state",
          [](S& s, std::size_t of, std::size_t state, const Array<R>& to) {
            s.set_raw_state(of, state, as_vector(to));
          },
          population, k, values, "Set state k as stored.")
      .def(
          "initial_state",
          [](S& s, std::size_t of, std::size_t state) {
            return to_array(s.initial_state(of, state));
          },
          population, k, "State k at step 0, to which `reset` returns.")
      .def(
          "set_initial_state",
          [](S& s, std::size_t of, std::size_t state, const Array<R>& to) {
            s.set_initial_state(of, state, as_vector(to));
          },
          population, k, values, "Set state k at step 0.")
      .def(
          "held", [](S& s, std::size_t of) { return to_array(s.held(of)); }, population,
          "The number of steps for which each neuron remains refractory.")
      .def(
          "set_held",
          [](S& s, std::size_t of, const Array<std::int32_t>& steps) {
            s.set_held(of, as_vector(steps));
          },
          population, py::arg("steps"), "Set for how many more steps each neuron is refractory.")
      .def(
          "set_events",
          [](S& s, std::size_t of, const Array<std::int64_t>& stamps, const Elements& elements) {
            s.set_events(of, as_vector(stamps), as_vector(elements));
          },
          population, py::arg("stamps"), py::arg("elements"),
          "Replace the list of spikes of a source.")
      .def(
          "set_rates",
          [](S& s, std::size_t of, const Array<double>& hz) { s.set_rates(of, as_span(hz)); },
          population, rates, "Set the rates of Poisson sources [Hz].")
      .def(
          "set_changing_rates",
          [](S& s, std::size_t of, const MakeRates& changing) { s.set_rates(of, changing.make); },
          population, rates, "Set rates of Poisson sources that change with time.");
}

// Synapses between runs, and plasticity.
template <class R>
void bind_synapses(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  const py::call_guard<py::gil_scoped_release> no_gil;
  const py::arg projection("projection"), values("values"), every("every");
  simulator
      .def("projection_size", &S::projection_size, projection,
           "The number of synapses of a projection in this process.")
      .def("projection_total", &S::projection_total, projection, no_gil,
           "The number of synapses of a projection in all processes.")
      .def(
          "synapses", [](S& s, std::size_t of) { return as_tuple(s.synapses(of)); }, projection,
          "Rows (begins by source), targets, weights and delays [steps].")
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
      .def("describe_storage", &S::describe_storage, projection, "How the synapses are stored.")
      .def("weight_step", &S::weight_step, projection,
           "Step of the grid of 16-bit weights; 0: they are floats.")
      .def("synapse_bytes", &S::synapse_bytes, "Bytes of all synapses.")
      .def("normalise", &S::normalise, projection, py::arg("total"), no_gil,
           "Scale each target's weights to the sum `total`, now.")
      .def(
          "regulate",
          [](S& s, std::size_t of, Step interval, Regulation how) {
            how.projection = of;
            how.every = interval;
            s.regulate(how);
          },
          projection, every, py::arg("how"), "Regulate weights every `every` steps.")
      .def(
          "interval",
          [](S& s, std::size_t k) {
            return py::make_tuple(s.interval_begin(k), to_array(s.interval_spikes(k)));
          },
          py::arg("regulation"),
          "The interval that a scaling is in: its first step, and how often each target has fired "
          "since.")
      .def(
          "set_interval",
          [](S& s, std::size_t k, Step begin, const Array<std::uint32_t>& spikes) {
            s.set_interval(k, begin, as_span(spikes));
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
      .def("set_reward", &S::set_reward, projection, py::arg("step"), py::arg("level"),
           "Set the level of the reward from a step on.")
      .def("reward", &S::reward, projection, "The level of the reward now.")
      .def(
          "plastic_state", &plastic_state<R>, projection,
          "The state that an exact copy of a plastic projection needs besides its synapses: arrays "
          "by name, and its clock.")
      .def("set_plastic_state", &set_plastic_state<R>, projection, py::arg("state"),
           "Set what `plastic_state` returned.")
      .def("born", &S::born, projection, "The step up to which spikes do not use a projection.");
}

// What is recorded.
template <class R>
void bind_recorders(py::class_<Simulator<R>>& simulator) {
  using S = Simulator<R>;
  using Elements = Array<std::uint32_t>;
  const py::arg population("population"), projection("projection"), recorder("recorder"),
      every("every");
  simulator
      .def(
          "record_spikes",
          [](S& s, std::size_t of, const Array<bool>& wanted) {
            return s.record_spikes(of,
                                   std::vector<bool>(wanted.data(), wanted.data() + wanted.size()));
          },
          population, py::arg("wanted"),
          "Record the spikes of the wanted elements; return the number of the recorder.")
      .def(
          "record_state",
          [](S& s, std::size_t of, std::size_t state, const Elements& elements, Step interval,
             bool before_reset) {
            return s.record_state(of, state, as_vector(elements), interval, before_reset);
          },
          population, py::arg("state"), py::arg("elements"), every, py::arg("before_reset") = false,
          "Record a state every `every` steps; return the number of the recorder. before_reset: "
          "V_m, of neurons that spike in the step before they are reset.")
      .def("record_weights", &S::record_weights, projection, every,
           "Record weights every `every` steps; return the number of the recorder.")
      .def(
          "recorded_spikes",
          [](S& s, std::size_t number) {
            const auto log = s.recorded_spikes(number);
            return py::make_tuple(view_of(log, log->stamps), view_of(log, log->elements));
          },
          recorder, "Recorded spikes: stamps and elements.")
      .def(
          "recorded_states",
          [](S& s, std::size_t number) { return as_tuple(s.recorded_states(number)); }, recorder,
          "Recorded states: stamps and values [stamps, elements].")
      .def(
          "recorded_weights",
          [](S& s, std::size_t number) { return as_tuple(s.recorded_weights(number)); }, recorder,
          "Recorded weights: stamps and values [stamps, synapses].")
      .def(
          "set_window",
          [](S& s, RecorderKind kind, std::size_t number, Step start, Step stop, bool paused) {
            s.set_window(kind, number, {start, stop, paused});
          },
          py::arg("kind"), recorder, py::arg("start"), py::arg("stop"), py::arg("paused"),
          "Record only stamps after `start`, up to `stop`, and nothing while paused.")
      .def(
          "recorded_stamps",
          [](S& s, RecorderKind kind, std::size_t number) {
            return to_array(s.recorded_stamps(kind, number));
          },
          py::arg("kind"), recorder, "The stamps of recorded states or weights.")
      .def("clear_recorder", &S::clear_recorder, py::arg("kind"), recorder,
           "Forget what a recorder holds.")
      .def("recorded_count", &S::recorded_count, py::arg("kind"), recorder,
           "The number of stamps that a recorder holds.");
}

template <class R>
void bind_simulator(py::module_& m, const char* name, const char* doc) {
  py::class_<Simulator<R>> simulator(m, name, doc);
  bind_running(simulator);
  bind_building(simulator);
  bind_injection(simulator);
  bind_neurons(simulator);
  bind_synapses(simulator);
  bind_recorders(simulator);
}

}  // namespace

void bind_network(py::module_& m) {
  bind_stream<float>(m, "SynapseStream32");
  bind_stream<double>(m, "SynapseStream64");
  bind_simulator<float>(m, "Simulator32", "A network in single precision.");
  bind_simulator<double>(m, "Simulator64", "A network in double precision.");
  m.def("run_all", &run_all_polled, py::arg("simulators"), py::arg("steps"), py::arg("threads"),
        py::arg("progress"),
        "Advance each simulator by its number of steps, several at once, calling progress(number "
        "of those through) occasionally; return an exception or None for each.");
  m.def(
      "draw_pairs",
      [](const ConnectionRule& rule, std::uint64_t n_pre, std::uint64_t n_post,
         const std::optional<Array<std::uint32_t>>& pre,
         const std::optional<Array<std::uint32_t>>& post, bool same, std::uint64_t seed,
         std::uint32_t number, int threads) {
        const auto from = as_selection(n_pre, pre), to = as_selection(n_post, post);
        auto table = [&] {
          const py::gil_scoped_release release;
          return Drawing<float>(rule, from, to, same, ValueSpec{}, {.values = {1.0}}, 1.0, seed,
                                number, threads)
              .table(threads);
        }();
        return py::make_tuple(to_array(std::move(table.row)), to_array(std::move(table.post)));
      },
      py::arg("rule"), py::arg("n_pre"), py::arg("n_post"), py::arg("pre_elements"),
      py::arg("post_elements"), py::arg("same"), py::arg("seed"), py::arg("number"),
      py::arg("threads"),
      "The pairs that a rule connects, as row offsets and targets; those of the projection with "
      "this number. same: both ends are one population.");
}

}  // namespace spikelet
