// The simulator and its runs.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>
#include <span>

#include "array.hpp"
#include "bind_simulator.hpp"
#include "communicator.hpp"
#include "spikelet/network/run_all.hpp"

namespace spikelet {
namespace {

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

// Adds the simulators of one precision from number k on that run as long, and returns the number
// after the last one.
template <class R>
std::size_t add_row(const py::sequence& simulators, const std::vector<Step>& steps, std::size_t k,
                    int threads, std::vector<OneOfMany>& networks) {
  // No thread should wait long for the last ones of another.
  const std::size_t most =
      std::clamp<std::size_t>(steps.size() / (4 * static_cast<std::size_t>(threads)), 1, 32);
  const Step end = steps[k];
  std::vector<Simulator<R>*> row;
  for (; k < steps.size() && steps[k] == end; ++k) {
    const py::object simulator = simulators[k];
    if (!py::isinstance<Simulator<R>>(simulator)) {
      break;
    }
    row.push_back(&simulator.cast<Simulator<R>&>());
  }
  for (std::span<Simulator<R>* const> left(row); !left.empty();) {
    const std::size_t count = Simulator<R>::worth_joining(left, end, most);
    const std::vector<Simulator<R>*> taken(left.begin(),
                                           left.begin() + static_cast<std::ptrdiff_t>(count));
    left = left.subspan(count);
    networks.push_back({[taken, end](const Poll& poll, std::span<std::exception_ptr> errors) {
                          if (taken.size() == 1) {
                            taken[0]->run(end, poll, 1);
                          } else {
                            Simulator<R>::run_together(taken, end, poll, errors);
                          }
                        },
                        [taken](int stage) {
                          for (Simulator<R>* simulator : taken) {
                            simulator->fetch(stage);
                          }
                        },
                        count});
  }
  return k;
}

// Runs simulators of either precision at once; returns an exception or None for each.
py::list run_all_polled(const py::sequence& simulators, const std::vector<Step>& steps, int threads,
                        const std::optional<std::function<void(std::size_t)>>& progress) {
  require_threads(threads);
  std::vector<OneOfMany> networks;
  for (std::size_t k = 0; k < steps.size();) {
    const std::size_t next = add_row<float>(simulators, steps, k, threads, networks);
    k = next > k ? next : add_row<double>(simulators, steps, k, threads, networks);
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
    errors = run_all(networks, threads, poll);
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
            const Range own = s.look()->network.own(of);
            return py::make_tuple(own.begin, own.end);
          },
          population, "The elements [begin, end) that this process owns.")
      .def(
          "first_gid", [](S& s, std::size_t of) { return s.look()->network.nodes[of].first_gid; },
          population, "The number of the first element among those of all populations.")
      .def(
          "exchange_statistics",
          [](S& s) {
            const ExchangeStatistics x = [&] {
              const auto parts = s.look_even_if_broken();
              return parts->exchange ? parts->exchange->statistics() : ExchangeStatistics{};
            }();
            return py::make_tuple(x.exchanges, x.collectives, x.spikes, x.bytes_sent,
                                  x.bytes_received, x.seconds);
          },
          "Spike exchanges between processes so far: exchanges, collective calls, spikes, bytes "
          "sent, bytes received, seconds.")
      .def_property_readonly("now", &S::now, "The present step.")
      .def_property_readonly("busy", &S::busy,
                             "Whether a lengthy call, such as a run, is going on.")
      .def_property_readonly(
          "failed", &S::broken,
          "Whether a call has failed half-way: nothing but recordings can be read.")
      .def(
          "explain",
          [](S& s, const std::string& error) { s.even_if_broken().explain("a run", error); },
          py::arg("error"), "Say in other words why a run failed.")
      .def_property_readonly(
          "layouts", [](S& s) { return s.look()->layouts; }, "How often the network was laid out.")
      .def_property_readonly("joined", &S::joined,
                             "Whether run_all() runs it as a part of a joined network.")
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
            auto spikes = s.look()->in_flight();
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
  bind_synapse_stream(m);
  bind_simulator<float>(m, "Simulator32", "A network in single precision.");
  bind_simulator<double>(m, "Simulator64", "A network in double precision.");
  m.def("run_all", &run_all_polled, py::arg("simulators"), py::arg("steps"), py::arg("threads"),
        py::arg("progress"),
        "Advance each simulator by its number of steps, several at once, calling progress(number "
        "of those through) occasionally; return an exception or None for each.");
}

}  // namespace spikelet
