// The private extension module: lists its parts. Users import from the package `spikelet`.
#include <pybind11/pybind11.h>

void bind_core(pybind11::module_& m);
void bind_rules(pybind11::module_& m);
void bind_network(pybind11::module_& m);
void bind_coding(pybind11::module_& m);
void bind_layers(pybind11::module_& m);
void bind_engine(pybind11::module_& m);
void bind_train(pybind11::module_& m);
void bind_sparse(pybind11::module_& m);
void bind_event_prop(pybind11::module_& m);

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.attr("__version__") = SPIKELET_VERSION;
  bind_core(m);
  bind_rules(m);
  bind_network(m);
  bind_coding(m);
  bind_layers(m);
  bind_engine(m);
  bind_train(m);
  bind_sparse(m);
  bind_event_prop(m);
}
