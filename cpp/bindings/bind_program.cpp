// Programs: the steps of neuron models that are no kernels, and the error of one that blows up.
#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/core/program_run.hpp"

namespace spikelet {
namespace {

using Code = Array<std::uint16_t>;
using ReceptorTuple = std::tuple<std::string, int, bool>;

std::vector<Instruction> as_instructions(const char* what, const Code& code) {
  constexpr py::ssize_t words = 8;
  if (code.ndim() != 2 || code.shape(1) != words) {
    throw py::value_error(std::string(what) +
                          " must have 8 words for each instruction: opcode, "
                          "target, six operands");
  }
  std::vector<Instruction> instructions(static_cast<std::size_t>(code.shape(0)));
  const std::uint16_t* word = code.data();
  for (Instruction& in : instructions) {
    in.opcode = word[0];
    in.target = word[1];
    std::copy_n(word + 2, in.operand.size(), in.operand.begin());
    word += words;
  }
  return instructions;
}

std::shared_ptr<Program> make_program(std::string name, std::vector<std::string> states,
                                      std::size_t coefficients, std::vector<double> constants,
                                      const std::vector<int>& draws, std::size_t registers,
                                      const std::vector<ReceptorTuple>& receptors, const Code& step,
                                      int spiked, const Code& reset, bool by_sign, bool time) {
  ProgramParts parts;
  parts.name = std::move(name);
  parts.states = std::move(states);
  parts.coefficients = coefficients;
  parts.constants = std::move(constants);
  for (const int kind : draws) {
    parts.draws.push_back(static_cast<DrawKind>(kind));
  }
  parts.registers = registers;
  for (const auto& [receptor, state, magnitude] : receptors) {
    parts.receptors.push_back({receptor, state, magnitude});
  }
  parts.step = as_instructions("step", step);
  parts.spiked = spiked;
  parts.reset = as_instructions("reset", reset);
  parts.by_sign = by_sign;
  parts.time = time;
  return std::make_shared<Program>(std::move(parts));
}

}  // namespace

void bind_program(py::module_& m) {
  m.def(
      "opcodes",
      [] {
        py::dict all;
        for (const OpcodeInfo& info : opcodes()) {
          all[py::str(std::string(info.name))] = py::int_(all.size());
        }
        return all;
      },
      "The instructions of programs: name -> opcode.");
  py::class_<Program, std::shared_ptr<Program>>(
      m, "Program",
      "The step of a neuron model, as instructions on slots: states | inputs of early receptors | "
      "coefficients | constants | draws | T | CURRENT | HELD | SPIKED | registers.")
      .def(py::init(&make_program), py::kw_only(), py::arg("name"), py::arg("states"),
           py::arg("coefficients"), py::arg("constants"), py::arg("draws"), py::arg("registers"),
           py::arg("receptors"), py::arg("step"), py::arg("spiked"), py::arg("reset"),
           py::arg("by_sign"), py::arg("time"),
           "Check the instructions of a step [n, 8] and of a reset [n, 8]; "
           "spikelet/core/program.hpp "
           "describes slots and opcodes.")
      .def_property_readonly(
          "name", [](const Program& p) { return p.parts().name; }, "Name of the model.")
      .def_property_readonly(
          "states", [](const Program& p) { return p.parts().states; }, "Names of the states.")
      .def_property_readonly(
          "coefficients", [](const Program& p) { return p.parts().coefficients; },
          "Number of values that come from parameters.");
  // FloatingPointError with (population, state, element, step, value) as its arguments.
  static PyObject* divergence =
      PyErr_NewExceptionWithDoc("spikelet._core.Divergence",
                                "The state of a neuron is no longer a number: population, state, "
                                "element, step at whose end it was found, value.",
                                PyExc_FloatingPointError, nullptr);
  if (divergence == nullptr) {
    throw py::error_already_set();
  }
  m.add_object("Divergence", divergence);
  py::register_exception_translator([](std::exception_ptr raised) {
    try {
      if (raised) {
        std::rethrow_exception(raised);
      }
    } catch (const Divergence& found) {
      const py::tuple arguments =
          py::make_tuple(found.node, found.state, found.element, found.step, found.value);
      PyErr_SetObject(divergence, arguments.ptr());
    }
  });
}

}  // namespace spikelet
