// The private extension module. Users import from the package `spikelet`.
#include "bindings.hpp"

namespace {

// What compiled the core, for bug reports.
#if defined(__clang__)
constexpr const char* compiler = __VERSION__;
#elif defined(__GNUC__)
constexpr const char* compiler = "g++ " __VERSION__;
#else
constexpr const char* compiler = "unknown";
#endif

}  // namespace

// Everything bound here is safe for concurrent threads, with or without an interpreter lock:
// * Simulator and LayerGraph guard their network (Guarded) in each method.
// * ConvStdp has a lock that readers share, the pool a mutex.
// * EventColumns, LayerEngine, NearPairs, ConnectionRule, ValueSpec, Rates, Plasticity, Regulation,
//   Recurrence, Program, FirstSpikeProgram and enums are immutable.
// * Functions have no state; arrays that they write to are the caller's.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  using namespace spikelet;
  m.doc() = "The compiled core. Private: the package checks arguments, not this module.";
  m.attr("__version__") = SPIKELET_VERSION;
  m.attr("compiler") = compiler;
  bind_enums(m);
  bind_core(m);
  bind_rules(m);
  bind_near_pairs(m);
  bind_program(m);
  bind_inputs(m);
  bind_network(m);
  coding::bind_coding(m);
  events::bind_events(m);
  layers::bind_conv_stdp(m);
  layers::bind_engine(m);
  first_spike::bind_first_spike(m);
  train::bind_neuron(m);
  train::bind_sparse(m);
  train::bind_pool(m);
  train::bind_delay(m);
  train::bind_event_prop(m);
}
