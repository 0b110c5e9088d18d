// Building a network: populations, projections, synapses that come in blocks, pairs of a rule.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "array.hpp"
#include "bind_simulator.hpp"
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

}  // namespace

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
            return s.brief()->network.add_neurons(model, size, as_parameters(parameters), subtract);
          },
          py::arg("model"), n, py::arg("parameters"), py::arg("subtract"),
          "Add a population of neurons of a model, by its place in `neuron_models`; return its "
          "number. subtract: a spike subtracts the threshold.")
      .def(
          "add_program",
          [](S& s, std::shared_ptr<Program> program, std::size_t size,
             const Parameters& coefficients, const Array<double>& t_ref) {
            return s.brief()->network.add_program(std::move(program), size,
                                                  {as_parameters(coefficients), as_vector(t_ref)});
          },
          py::arg("program"), n, py::arg("coefficients"), py::arg("t_ref"),
          "Add a population of neurons that a program moves, with its coefficients and t_ref [ms], "
          "each one value or one for each neuron; return its number.")
      .def(
          "add_events",
          [](S& s, std::size_t size, const Array<std::int64_t>& stamps, const Elements& elements) {
            return s.brief()->network.add_events(size, as_vector(stamps), as_vector(elements));
          },
          n, py::arg("stamps"), py::arg("elements"),
          "Add a population that spikes as listed; return its number.")
      .def(
          "add_poisson",
          [](S& s, std::size_t size, const Array<double>& hz) {
            return s.brief()->network.add_poisson(size, as_span(hz));
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
            const auto parts = s.lengthy();
            Network<R>& network = parts->network;
            const auto number = static_cast<std::uint32_t>(network.projections.size());
            return network.connect(
                pre, post,
                Drawing<R>(rule, from, to, pre == post, weight, delay, network.dt, network.seed,
                           number, network.threads, network.own(post)),
                Receptor{receptor}, plasticity, as_bits(int16));
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
            return s.lengthy()->network.connect(pre, post, std::move(table), Receptor{receptor},
                                                plasticity, born, {}, as_bits(int16));
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
            return s.lengthy()->network.connect(pre, post, stream.take(s.threads()),
                                                Receptor{receptor}, plasticity, {},
                                                [total] { return total; });
          },
          py::arg("pre"), py::arg("post"), py::arg("stream"), py::arg("receptor"),
          py::arg("plasticity"),
          "Connect two populations by what a stream holds, which is empty then; return the number "
          "of the projection.");
}

template void bind_building(py::class_<Simulator<float>>&);
template void bind_building(py::class_<Simulator<double>>&);

void bind_synapse_stream(py::module_& m) {
  bind_stream<float>(m, "SynapseStream32");
  bind_stream<double>(m, "SynapseStream64");
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
        return py::make_tuple(to_array(table.row.whole()), to_array(std::move(table.post)));
      },
      py::arg("rule"), py::arg("n_pre"), py::arg("n_post"), py::arg("pre_elements"),
      py::arg("post_elements"), py::arg("same"), py::arg("seed"), py::arg("number"),
      py::arg("threads"),
      "The pairs that a rule connects, as row offsets and targets; those of the projection with "
      "this number. same: both ends are one population.");
}

}  // namespace spikelet
