// The parts of the extension module, one function for each bind_*.cpp.
#pragma once

#include <pybind11/pybind11.h>

namespace spikelet {

namespace py = pybind11;

inline void require_threads(int threads) {
  if (threads < 1) {
    throw py::value_error("threads must be at least 1");
  }
}

void bind_enums(py::module_& m);
void bind_core(py::module_& m);
void bind_rules(py::module_& m);
void bind_near_pairs(py::module_& m);
void bind_program(py::module_& m);
void bind_inputs(py::module_& m);
void bind_network(py::module_& m);
void bind_synapse_stream(py::module_& m);

namespace coding {
void bind_coding(py::module_& m);
}

namespace events {
void bind_events(py::module_& m);
}

namespace layers {
void bind_conv_stdp(py::module_& m);
void bind_engine(py::module_& m);
}  // namespace layers

namespace first_spike {
void bind_first_spike(py::module_& m);
}

namespace train {
void bind_neuron(py::module_& m);
void bind_sparse(py::module_& m);
void bind_pool(py::module_& m);
void bind_delay(py::module_& m);
void bind_event_prop(py::module_& m);
}  // namespace train

}  // namespace spikelet
