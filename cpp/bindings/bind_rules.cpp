// Connection rules and distributions, as plain descriptions that the Python layer fills in and has
// checked.
#include <pybind11/native_enum.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "array.hpp"
#include "spikelet/network/connection_rules.hpp"

namespace py = pybind11;
using namespace spikelet;

void bind_rules(py::module_& m) {
  py::native_enum<ConnectionRule::Kind>(m, "RuleKind", "enum.Enum")
      .value("all_to_all", ConnectionRule::Kind::all_to_all)
      .value("one_to_one", ConnectionRule::Kind::one_to_one)
      .value("fixed_probability", ConnectionRule::Kind::fixed_probability)
      .value("fixed_indegree", ConnectionRule::Kind::fixed_indegree)
      .value("fixed_outdegree", ConnectionRule::Kind::fixed_outdegree)
      .value("fixed_total_number", ConnectionRule::Kind::fixed_total_number)
      .finalize();
  py::native_enum<ValueSpec::Kind>(m, "ValueKind", "enum.Enum")
      .value("values", ValueSpec::Kind::values)
      .value("normal", ValueSpec::Kind::normal)
      .value("lognormal", ValueSpec::Kind::lognormal)
      .value("uniform", ValueSpec::Kind::uniform)
      .value("exponential", ValueSpec::Kind::exponential)
      .finalize();
  py::native_enum<ValueSpec::Limit>(m, "ValueLimit", "enum.Enum")
      .value("none", ValueSpec::Limit::none)
      .value("clip", ValueSpec::Limit::clip)
      .value("redraw", ValueSpec::Limit::redraw)
      .finalize();
  py::class_<ConnectionRule>(m, "Rule").def(
      py::init([](ConnectionRule::Kind kind, double p, std::uint64_t number, bool self_connections,
                  bool multapses) {
        return ConnectionRule{kind, p, number, self_connections, multapses};
      }),
      py::arg("kind"), py::arg("p"), py::arg("number"), py::arg("self_connections"),
      py::arg("multapses"));
  py::class_<ValueSpec>(m, "ValueSpec")
      .def(py::init([](const Array<double>& values) {
             ValueSpec spec;
             spec.values = as_vector(values);
             return spec;
           }),
           py::arg("values"))
      .def(py::init([](ValueSpec::Kind kind, double a, double b, ValueSpec::Limit limit, double low,
                       double high) { return ValueSpec{kind, {0.0}, a, b, limit, low, high}; }),
           py::arg("kind"), py::arg("a"), py::arg("b"), py::arg("limit"), py::arg("low"),
           py::arg("high"));
  m.def(
      "draw_values",
      [](const ValueSpec& spec, std::uint64_t seed, std::uint32_t object, std::uint64_t n) {
        const Stream stream(seed, Purpose::values, object);
        std::vector<double> values(n);
        for (std::uint64_t k = 0; k < n; ++k) {
          values[k] = draw_value(spec, stream, k, 0);
        }
        return to_array(std::move(values));
      },
      py::arg("spec"), py::arg("seed"), py::arg("number"), py::arg("n"));
}
