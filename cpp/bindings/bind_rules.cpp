// Plain descriptions that the Python layer fills in and checks: connection rules, distributions,
// plasticity and regulation.
#include <pybind11/stl.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "enums.hpp"
#include "spikelet/core/event_rule.hpp"

namespace spikelet {
namespace {

Plasticity make_plasticity(const std::string& rule, const std::map<std::string, double>& parameters,
                           Pairing pairing, bool tie_potentiates, double axonal_fraction,
                           const std::map<std::string, Array<double>>& varied) {
  Plasticity made{find_plasticity(rule), {}, pairing, tie_potentiates, axonal_fraction};
  SynapseParameters by_synapse;
  for (const std::string_view name : made.info().parameters) {
    const auto found = parameters.find(std::string(name));
    if (found == parameters.end()) {
      throw py::value_error("Plasticity: rule " + rule + " needs the parameter " +
                            std::string(name));
    }
    made.parameters.push_back(found->second);
    const auto own = varied.find(std::string(name));
    by_synapse.push_back(own == varied.end() ? std::vector<double>{} : as_vector(own->second));
  }
  if (!varied.empty()) {
    made.varied = std::make_shared<const SynapseParameters>(std::move(by_synapse));
  }
  return made;
}

using VariableTuple = std::tuple<std::string, int, double, bool>;

std::shared_ptr<EventRule> make_event_rule(
    const std::vector<VariableTuple>& variables,
    const std::vector<std::tuple<int, int, double>>& rates, std::vector<int> order, int transmit,
    int signal, const std::vector<std::pair<int, std::size_t>>& reads,
    const std::array<std::shared_ptr<Program>, EventRule::events>& programs) {
  EventRule::Parts parts;
  for (const auto& [name, keeper, initial, readable] : variables) {
    parts.variables.push_back({name, static_cast<EventRule::Keeper>(keeper), initial, readable});
  }
  for (const auto& [of, by, rate] : rates) {
    parts.rates.push_back({of, by, rate});
  }
  parts.order = std::move(order);
  parts.transmit = transmit;
  parts.signal = signal;
  for (const auto& [variable, state] : reads) {
    parts.reads.push_back({variable, state});
  }
  std::ranges::copy(programs, parts.programs.begin());
  return std::make_shared<EventRule>(std::move(parts));
}

Plasticity make_from_events(std::shared_ptr<EventRule> events, std::vector<double> parameters,
                            double axonal_fraction,
                            const std::map<std::size_t, Array<double>>& varied) {
  if (parameters.size() != events->parameters()) {
    throw py::value_error("Plasticity: the programs have " + std::to_string(events->parameters()) +
                          " coefficients, got " + std::to_string(parameters.size()));
  }
  Plasticity made{find_plasticity(EventRule::name), std::move(parameters), Pairing::all_to_all,
                  true, axonal_fraction};
  if (!varied.empty()) {
    SynapseParameters by_synapse(made.parameters.size());
    for (const auto& [which, values] : varied) {
      by_synapse.at(which) = as_vector(values);
    }
    made.varied = std::make_shared<const SynapseParameters>(std::move(by_synapse));
  }
  made.events = std::move(events);
  return made;
}

}  // namespace

void bind_rules(py::module_& m) {
  py::class_<ConnectionRule>(m, "ConnectionRule", "A connection rule.")
      .def(py::init([](ConnectionRule::Kind kind, double p, std::uint64_t number,
                       bool self_connections, bool multapses) {
             return ConnectionRule{kind, p, number, self_connections, multapses};
           }),
           py::arg("kind"), py::arg("p"), py::arg("number"), py::arg("self_connections"),
           py::arg("multapses"),
           "A rule with probability p, or the number of synapses for each source, each target or "
           "in total.");
  py::class_<ValueSpec>(m, "ValueSpec", "Where the values of weights or delays come from.")
      .def(py::init([](const Array<double>& values) {
             ValueSpec spec;
             spec.values = as_vector(values);
             return spec;
           }),
           py::arg("values"), "Given values: one for all synapses, or one for each.")
      .def(py::init([](ValueSpec::Kind kind, double a, double b, ValueSpec::Limit limit, double low,
                       double high) { return ValueSpec{kind, {0.0}, a, b, limit, low, high}; }),
           py::arg("kind"), py::arg("a"), py::arg("b"), py::arg("limit"), py::arg("low"),
           py::arg("high"),
           "A distribution with parameters a and b: normal (mean, standard deviation), lognormal "
           "(mu, sigma), uniform (low, high) or exponential (scale).");
  m.def(
      "draw_values",
      [](const ValueSpec& spec, std::uint64_t seed, std::uint32_t number, std::uint64_t n) {
        const Stream stream(seed, Purpose::values, number);
        std::vector<double> values(n);
        for (std::uint64_t k = 0; k < n; ++k) {
          values[k] = draw_value(spec, stream, k, 0);
        }
        return to_array(std::move(values));
      },
      py::arg("spec"), py::arg("seed"), py::arg("number"), py::arg("n"),
      "n values of a distribution, from the random stream with the given number.");
  m.def(
      "pair_uniforms",
      [](std::uint64_t seed, std::uint32_t number, const Array<std::uint32_t>& pre,
         const Array<std::uint32_t>& post) {
        if (pre.size() != post.size()) {
          throw py::value_error("pair_uniforms: pre and post must have the same length");
        }
        return to_array(
            pair_uniforms(Stream(seed, Purpose::connect, number), as_span(pre), as_span(post)));
      },
      py::arg("seed"), py::arg("number"), py::arg("pre"), py::arg("post"),
      "A random number in (0, 1) for each pair of a projection with this number, whatever the "
      "others are.");
  py::class_<EventRule, std::shared_ptr<EventRule>>(m, "EventRule",
                                                    "A plasticity rule as programs at spikes.")
      .def(py::init(&make_event_rule), py::kw_only(), py::arg("variables"), py::arg("rates"),
           py::arg("order"), py::arg("transmit"), py::arg("signal"), py::arg("reads"),
           py::arg("programs"),
           "variables: (name, keeper, initial value, whether it can be read), the weight first; a "
           "keeper is 0 synapse, 1 source, 2 target or 3 nobody. rates: (of, by, rate [1/ms]) of "
           "linear equations, by -1: a constant. order: of variables, each after those that act on "
           "it. transmit: the variable that a spike sends. signal: the variable that has the value "
           "of "
           "a signal, or -1. reads: (variable, state of the target). programs: of synapses at "
           "spikes "
           "of their sources and targets, of what sources keep, of what targets keep, and of "
           "synapses "
           "at signals.");
  py::class_<Plasticity>(m, "Plasticity", "The plasticity rule of a projection.")
      .def(py::init(&make_plasticity), py::kw_only(), py::arg("rule"), py::arg("parameters"),
           py::arg("pairing"), py::arg("tie_potentiates"), py::arg("axonal_fraction"),
           py::arg("varied") = std::map<std::string, Array<double>>{},
           "A rule by its name in the core, with all of its parameters; others are ignored. "
           "varied: parameters with a value for each synapse, in canonical order.")
      .def(py::init(&make_from_events), py::kw_only(), py::arg("events"), py::arg("parameters"),
           py::arg("axonal_fraction"), py::arg("varied"),
           "A rule from text, with the coefficients of its programs, one after the other; varied: "
           "those with a value for each synapse, in canonical order.");
  py::class_<Regulation>(m, "Regulation", "How the incoming weights of targets are regulated.")
      .def(py::init([](Regulation::Kind kind, double total, double rate, double strength) {
             Regulation made;
             made.kind = kind;
             made.total = total;
             made.rate = rate;
             made.strength = strength;
             return made;
           }),
           py::arg("kind"), py::arg("total") = 1.0, py::arg("rate") = 1.0,
           py::arg("strength") = 0.0,
           "normalize: scale each target's weights to the sum `total`. scale: multiply them by "
           "1 + strength (1 - r / rate), with the target's mean rate r [Hz].");
}

}  // namespace spikelet
