// The simulator, once for each precision.
#include <pybind11/functional.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>

#include "array.hpp"
#include "spikelet/network/simulator.hpp"

namespace py = pybind11;
using namespace spikelet;

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

std::optional<Plasticity> as_plasticity(const std::optional<py::dict>& d) {
  if (!d) {
    return {};
  }
  Plasticity plasticity;
  plasticity.rule = find_plasticity((*d)["rule"].cast<std::string>());
  for (const std::string_view name : plasticity.info().parameters) {
    plasticity.parameters.push_back((*d)[std::string(name).c_str()].cast<double>());
  }
  plasticity.pairing = static_cast<Pairing>((*d)["pairing"].cast<int>());
  plasticity.tie_potentiates = (*d)["tie_potentiates"].cast<bool>();
  plasticity.axonal_fraction = (*d)["axonal_fraction"].cast<double>();
  return plasticity;
}

// Calls visit(name, array) for each array of a plastic state. Lists of arrays have numbered names.
template <class State, class Visit>
void for_each_array(State& state, Visit&& visit) {
  const auto list = [&](const std::string& name, auto& arrays) {
    for (std::size_t k = 0; k < arrays.size(); ++k) {
      visit(name + "." + std::to_string(k), arrays[k]);
    }
  };
  list("synapse", state.synapse);
  list("synapse_step", state.synapse_step);
  visit("row_source", state.row_source);
  visit("row_delay", state.row_delay);
  list("row", state.row);
  list("row_double", state.row_double);
  list("row_step", state.row_step);
  list("target", state.target);
  visit("counts", state.counts);
  visit("post_stamp", state.post_stamp);
  visit("post_target", state.post_target);
  list("post_value", state.post_value);
  visit("sent_step", state.sent_step);
  visit("sent_post", state.sent_post);
  visit("sent_channel", state.sent_channel);
  visit("sent_value", state.sent_value);
  visit("reward_step", state.reward_step);
  visit("reward_level", state.reward_level);
}

template <class R>
py::tuple as_tuple(SynapseTable<R>&& table) {
  return py::make_tuple(to_array(std::move(table.row)), to_array(std::move(table.post)),
                        to_array(std::move(table.weight)), to_array(std::move(table.delay)));
}

// mpi4py's communicator, or what has its methods. They are compiled: no Python code runs in a
// collective call, and so no signal handler that could leave the other processes waiting.
class PyCommunicator final : public Communicator {
 public:
  PyCommunicator(const py::object& comm, py::object minimum)
      : rank_(comm.attr("rank").cast<int>()),
        size_(comm.attr("size").cast<int>()),
        allgather_(comm.attr("Allgather")),
        allgatherv_(comm.attr("Allgatherv")),
        allreduce_(comm.attr("Allreduce")),
        minimum_(std::move(minimum)) {}
  ~PyCommunicator() override {
    const py::gil_scoped_acquire acquire;
    for (py::object* o : {&allgather_, &allgatherv_, &allreduce_, &minimum_}) {
      *o = py::object();
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all) override {
    const py::gil_scoped_acquire acquire;
    allgather_(bytes(own), bytes(all));
  }
  void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all,
              std::span<const std::size_t> counts) override {
    const py::gil_scoped_acquire acquire;
    std::vector<std::size_t> lengths, begins;
    std::size_t begin = 0;
    for (const std::size_t count : counts) {
      lengths.push_back(count * sizeof(std::uint32_t));
      begins.push_back(begin);
      begin += lengths.back();
    }
    allgatherv_(bytes(own), py::make_tuple(bytes(all), py::make_tuple(lengths, begins)));
  }
  void minimum(std::span<std::int64_t> values) override {
    const py::gil_scoped_acquire acquire;
    std::vector<std::int64_t> own(values.begin(), values.end());
    const auto view = [](std::span<std::int64_t> words) {
      return py::memoryview::from_buffer(
          words.data(), std::vector<py::ssize_t>{static_cast<py::ssize_t>(words.size())},
          std::vector<py::ssize_t>{sizeof(std::int64_t)});
    };
    allreduce_(view(own), view(values), minimum_);
  }

 private:
  static py::memoryview bytes(std::span<const std::uint32_t> words) {
    return py::memoryview::from_memory(words.data(), static_cast<py::ssize_t>(words.size_bytes()));
  }
  static py::memoryview bytes(std::span<std::uint32_t> words) {
    return py::memoryview::from_memory(words.data(), static_cast<py::ssize_t>(words.size_bytes()));
  }

  int rank_, size_;
  py::object allgather_, allgatherv_, allreduce_, minimum_;
};

std::unique_ptr<Communicator> as_communicator(const py::object& comm, const py::object& minimum) {
  return comm.is_none() ? nullptr : std::make_unique<PyCommunicator>(comm, minimum);
}

template <class R>
void bind_simulator(py::module_& m, const char* name) {
  using S = Simulator<R>;
  const py::call_guard<py::gil_scoped_release> no_gil;
  py::class_<S>(m, name)
      .def(py::init([](double dt, std::uint64_t seed, int threads, bool adapt,
                       const py::object& comm, const py::object& minimum) {
             return std::make_unique<S>(dt, seed, threads, adapt, as_communicator(comm, minimum));
           }),
           py::arg("dt"), py::arg("seed"), py::arg("threads"), py::arg("adapt"),
           py::arg("comm") = py::none(), py::arg("minimum") = py::none())
      .def("own",
           [](const S& s, std::size_t population) {
             const Range own = s.own(population);
             return py::make_tuple(own.begin, own.end);
           })
      .def("exchange_statistics",
           [](const S& s) {
             const ExchangeStatistics x = s.exchange_statistics();
             return py::make_tuple(x.exchanges, x.collectives, x.spikes, x.bytes_sent,
                                   x.bytes_received, x.seconds);
           })
      .def_property_readonly("now", &S::now)
      .def_property_readonly("busy", &S::busy)
      .def("add_neurons",
           [](S& s, std::size_t model, std::size_t n, const std::vector<Array<double>>& parameters,
              bool subtract) {
             return s.add_neurons(model, n, as_parameters(parameters), subtract);
           })
      .def("add_events",
           [](S& s, std::size_t n, const Array<std::int64_t>& stamps,
              const Array<std::uint32_t>& elements) {
             return s.add_events(n, as_vector(stamps), as_vector(elements));
           })
      .def("add_poisson",
           [](S& s, std::size_t n, const Array<double>& rates) {
             return s.add_poisson(n, as_span(rates));
           })
      .def("connect",
           [](S& s, std::size_t pre, std::size_t post, std::size_t n_pre, std::size_t n_post,
              const std::optional<Array<std::uint32_t>>& pre_elements,
              const std::optional<Array<std::uint32_t>>& post_elements, const ConnectionRule& rule,
              const ValueSpec& weight, const ValueSpec& delay, int receptor,
              const std::optional<py::dict>& plasticity) {
             const auto how = as_plasticity(plasticity);
             const auto from = as_selection(n_pre, pre_elements),
                        to = as_selection(n_post, post_elements);
             const py::gil_scoped_release release;
             const std::uint32_t number = s.next_projection();
             return s.connect(pre, post,
                              Drawing<R>(rule, from, to, pre == post, weight, delay, s.dt(),
                                         s.seed(), number, s.threads(), s.own(post)),
                              static_cast<Receptor>(receptor), how);
           })
      .def("connect_lists",
           [](S& s, std::size_t pre, std::size_t post, std::size_t n_pre,
              const Array<std::uint32_t>& pre_ids, const Array<std::uint32_t>& post_ids,
              const Array<R>& weight, const Array<std::uint16_t>& delay, int receptor,
              const std::optional<py::dict>& plasticity, std::optional<Step> born) {
             const auto how = as_plasticity(plasticity);
             const py::gil_scoped_release release;
             auto table = SynapseTable<R>::from_lists(n_pre, as_span(pre_ids), as_span(post_ids),
                                                      as_span(weight), as_span(delay));
             return s.connect(pre, post, std::move(table), static_cast<Receptor>(receptor), how,
                              born);
           })
      .def("inject_poisson",
           [](S& s, std::size_t population, const Array<double>& rates,
              const Array<double>& weights, int channel) {
             s.inject_poisson(population, as_vector(rates), as_vector(weights), channel);
           })
      .def("inject_current",
           [](S& s, std::size_t population, const Array<R>& values, std::size_t columns,
              Step start) { s.inject_current(population, as_vector(values), columns, start); })
      .def("inject_noise",
           [](S& s, std::size_t population, const Array<double>& mean, const Array<double>& std,
              Step every, Step start) {
             s.inject_noise(population, as_vector(mean), as_vector(std), every, start);
           })
      .def("set_parameters",
           [](S& s, std::size_t population, const std::vector<Array<double>>& parameters,
              bool subtract) {
             s.neurons(population).set_parameters(as_parameters(parameters), subtract);
           })
      .def("state", [](S& s, std::size_t population,
                       std::size_t k) { return to_array(s.neurons(population).state(k)); })
      .def("set_state",
           [](S& s, std::size_t population, std::size_t k, const Array<R>& values) {
             s.neurons(population).set_state(k, as_vector(values));
           })
      .def("has_run", &S::has_run)
      .def("raw_state", [](S& s, std::size_t population,
                           std::size_t k) { return to_array(s.neurons(population).raw_state(k)); })
      .def("set_raw_state",
           [](S& s, std::size_t population, std::size_t k, const Array<R>& values) {
             s.neurons(population).set_raw_state(k, as_vector(values));
           })
      .def("initial_state", [](S& s, std::size_t population,
                               std::size_t k) { return to_array(s.initial_state(population, k)); })
      .def("set_initial_state",
           [](S& s, std::size_t population, std::size_t k, const Array<R>& values) {
             s.set_initial_state(population, k, as_vector(values));
           })
      .def("held",
           [](S& s, std::size_t population) {
             return to_array(s.neurons(population).held(s.now()));
           })
      .def("set_held",
           [](S& s, std::size_t population, const Array<std::int32_t>& steps) {
             s.neurons(population).set_held(as_vector(steps), s.now());
           })
      .def("set_events",
           [](S& s, std::size_t population, const Array<std::int64_t>& stamps,
              const Array<std::uint32_t>& elements) {
             s.set_events(population, as_vector(stamps), as_vector(elements));
           })
      .def("set_rates", [](S& s, std::size_t population,
                           const Array<double>& rates) { s.set_rates(population, as_span(rates)); })
      .def("projection_size", &S::projection_size)
      .def("projection_total", &S::projection_total, no_gil)
      .def("synapses", [](S& s, std::size_t k) { return as_tuple(s.synapses(k)); })
      .def("weights", [](S& s, std::size_t k) { return to_array(s.weights(k)); })
      .def("set_weights",
           [](S& s, std::size_t k, const Array<R>& values) { s.set_weights(k, as_span(values)); })
      .def("describe_storage", &S::describe_storage)
      .def("synapse_bytes", &S::synapse_bytes)
      .def("record_spikes",
           [](S& s, std::size_t population, const Array<bool>& wanted) {
             return s.record_spikes(
                 population, std::vector<bool>(wanted.data(), wanted.data() + wanted.size()));
           })
      .def("record_state",
           [](S& s, std::size_t population, std::size_t state, const Array<std::uint32_t>& elements,
              Step every) { return s.record_state(population, state, as_vector(elements), every); })
      .def("record_weights", &S::record_weights)
      .def("recorded_spikes",
           [](S& s, std::size_t k) {
             const auto log = s.spike_recorder(k).share();
             return py::make_tuple(view_of(log, log->stamps), view_of(log, log->elements));
           })
      .def("recorded_states",
           [](S& s, std::size_t k) {
             const auto& r = s.state_recorder(k);
             const std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(r.stamps.size()),
                                                  static_cast<py::ssize_t>(r.elements.size())};
             return py::make_tuple(to_array(std::vector<Step>(r.stamps)),
                                   to_array(std::vector<R>(r.values), shape));
           })
      .def("recorded_weights",
           [](S& s, std::size_t k) {
             const auto& r = s.weight_recorder(k);
             const std::vector<py::ssize_t> shape{
                 static_cast<py::ssize_t>(r.stamps.size()),
                 static_cast<py::ssize_t>(s.projection_size(r.projection))};
             return py::make_tuple(to_array(std::vector<Step>(r.stamps)),
                                   to_array(std::vector<R>(r.values), shape));
           })
      .def("clear_recorder",
           [](S& s, const std::string& kind, std::size_t k) {
             if (kind == "spikes") {
               s.spike_recorder(k).clear();
             } else if (kind == "state") {
               s.state_recorder(k).clear();
             } else {
               s.weight_recorder(k).clear();
             }
           })
      .def("recorded_count",
           [](S& s, const std::string& kind, std::size_t k) {
             return kind == "spikes"  ? s.spike_recorder(k).size()
                    : kind == "state" ? s.state_recorder(k).stamps.size()
                                      : s.weight_recorder(k).stamps.size();
           })
      .def("prepare", &S::prepare, no_gil)
      .def("run",
           [](S& s, Step steps, const std::optional<std::function<void(Step)>>& progress) {
             // Ctrl-C and the progress callback are looked after a few dozen times a second, at a
             // step's end. What they raise waits until the run is over: there may be Python calls
             // before, to other ranks.
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
           })
      .def("reset", &S::reset)
      .def("normalise", &S::normalise, no_gil)
      .def("regulate",
           [](S& s, std::size_t projection, Step every, const py::dict& d) {
             const auto value = [&](const char* key, double otherwise) {
               return d.contains(key) ? d[key].template cast<double>() : otherwise;
             };
             const bool normalise = d["kind"].template cast<std::string>() == "normalise";
             s.regulate({normalise ? Regulation::Kind::normalise : Regulation::Kind::scale,
                         projection, every, value("total", 1), value("rate", 1),
                         value("strength", 0)});
           })
      .def("set_amplitudes",
           [](S& s, std::size_t k, const py::dict& plasticity) {
             s.set_amplitudes(k, as_plasticity(plasticity)->parameters);
           })
      .def("set_reward", &S::set_reward)
      .def("reward", &S::reward)
      .def("plastic_state",
           [](S& s, std::size_t k) {
             auto state = s.plastic_state(k);
             py::dict d;
             for_each_array(state, [&](const std::string& key, auto& values) {
               d[key.c_str()] = to_array(std::move(values));
             });
             d["clock"] = state.clock;
             d["initial"] = to_array(s.initial_weights(k));
             return d;
           })
      .def("set_plastic_state",
           [](S& s, std::size_t k, const py::dict& d) {
             PlasticState<R> state;
             const auto count = [&](const char* key, auto& arrays) {
               while (d.contains(std::string(key) + "." + std::to_string(arrays.size()))) {
                 arrays.emplace_back();
               }
             };
             count("synapse", state.synapse);
             count("synapse_step", state.synapse_step);
             count("row", state.row);
             count("row_double", state.row_double);
             count("row_step", state.row_step);
             count("target", state.target);
             const auto get = [&](const std::string& key, auto& to) {
               using T = typename std::remove_reference_t<decltype(to)>::value_type;
               to = as_vector(d[key.c_str()].template cast<Array<T>>());
             };
             for_each_array(state, get);
             state.clock = d["clock"].template cast<Step>();
             std::vector<R> initial;
             get("initial", initial);
             s.set_plastic_state(k, state);
             s.set_initial_weights(k, std::move(initial));
           })
      .def("born", &S::born)
      .def("in_flight",
           [](S& s) {
             auto spikes = s.in_flight();
             return py::make_tuple(to_array(std::move(spikes.stamps)),
                                   to_array(std::move(spikes.gids)));
           })
      .def("set_clock",
           [](S& s, Step now, const Array<std::int64_t>& stamps, const Array<std::uint32_t>& gids) {
             s.set_clock(now, {as_vector(stamps), as_vector(gids)});
           });
}

}  // namespace

void bind_network(py::module_& m) {
  bind_simulator<float>(m, "Simulator32");
  bind_simulator<double>(m, "Simulator64");
}
