// SIMD levels, memory, the list of neuron models, random numbers.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/memory.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/core/random.hpp"

namespace spikelet {

void bind_core(py::module_& m) {
  simd_level();  // raises at import if SPIKELET_SIMD asks for what this processor cannot run
  m.def(
      "simd_level", [] { return std::string(to_string(simd_level())); },
      "The SIMD level in use, as `SPIKELET_SIMD` names it.");
  m.def(
      "available_simd_levels",
      [] {
        std::vector<std::string> names;
        for (const SimdLevel level : available_simd_levels()) {
          names.emplace_back(to_string(level));
        }
        return names;
      },
      "The SIMD levels that this processor can run, lowest first.");
  m.def("available_memory", &available_memory, py::arg("root") = "",
        "What this process can still allocate [bytes]. root: of the files that tell.");
  m.def(
      "neuron_models",
      [] {
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
      },
      "All neuron models in the core's order: name -> (parameters in order, states, number of "
      "input channels, whether inputs are conductances).");
  m.def(
      "environment",
      [](const std::vector<std::string>& names) {
        py::list values;
        for (const std::string& name : names) {
          const char* value = std::getenv(name.c_str());  // NOLINT: Python sets it under its lock
          values.append(value ? py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(value))
                              : py::object(py::none()));
        }
        return values;
      },
      py::arg("names"),
      "The values of environment variables, None for those that are not set, faster than from "
      "`os.environ`.");
  m.def(
      "normal_quantile",
      [](const Array<double>& u) {
        std::vector<double> z(static_cast<std::size_t>(u.size()));
        std::transform(u.data(), u.data() + u.size(), z.begin(), normal_quantile);
        return to_array(std::move(z));
      },
      py::arg("u"), "The value below which a share u of the standard normal distribution lies.");
  m.def(
      "philox",
      [](const Words& counter, std::uint32_t k0, std::uint32_t k1) {
        return philox(counter, k0, k1);
      },
      py::arg("counter"), py::arg("k0"), py::arg("k1"),
      "Four random words of the generator Philox4x32-10, by counter and key.");
}

}  // namespace spikelet
