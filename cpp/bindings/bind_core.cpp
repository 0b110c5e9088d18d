// SIMD levels, the list of neuron models, random numbers.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "array.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/core/random.hpp"

namespace py = pybind11;
using namespace spikelet;

void bind_core(py::module_& m) {
  simd_level();  // an impossible SPIKELET_SIMD is told at import
  m.def("simd_level", [] { return std::string(to_string(simd_level())); });
  m.def("available_simd_levels", [] {
    std::vector<std::string> names;
    for (const SimdLevel level : available_simd_levels()) {
      names.emplace_back(to_string(level));
    }
    return names;
  });
  m.def("neuron_models", [] {  // name -> (parameters in order, states, input channels, conductance)
    py::dict all;
    for (const ModelInfo& model : models()) {
      std::vector<std::string> parameters(common_parameters.begin(), common_parameters.end());
      parameters.insert(parameters.end(), model.parameters.begin(), model.parameters.end());
      std::vector<std::string> states(model.states.begin(), model.states.end());
      states.emplace_back("theta");
      all[py::str(std::string(model.name))] =
          py::make_tuple(parameters, states, model.early() ? 1 : 2, model.conductance);
    }
    return all;
  });
  m.def("normal_quantile", [](const Array<double>& u) {
    std::vector<double> z(static_cast<std::size_t>(u.size()));
    std::transform(u.data(), u.data() + u.size(), z.begin(), normal_quantile);
    return to_array(std::move(z));
  });
  m.def("philox", [](const Words& counter, std::uint32_t k0, std::uint32_t k1) {
    return philox(counter, k0, k1);
  });
}
