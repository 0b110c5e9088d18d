// Each enum becomes a Python IntEnum made from its EnumTable. An argument may be a member or its
// name; anything else raises a ValueError that lists the names.
#pragma once

#include <pybind11/native_enum.h>
#include <pybind11/pybind11.h>

#include <array>
#include <string>
#include <string_view>

#include "spikelet/core/plasticity.hpp"
#include "spikelet/layers/engine.hpp"
#include "spikelet/network/connection_rules.hpp"
#include "spikelet/network/simulator.hpp"
#include "spikelet/train/neuron.hpp"

namespace spikelet {

namespace py = pybind11;

template <class E>
struct Enumerator {
  const char* name;
  E value;
};

// The Python side of an enum: name, doc and members.
template <class E>
struct EnumTable {};

#define SPIKELET_MEMBER(member) {#member, E::member}

template <>
struct EnumTable<ConnectionRule::Kind> {
  using E = ConnectionRule::Kind;
  static constexpr const char* name = "ConnectionKind";
  static constexpr const char* doc = "Which pairs of two populations a connection rule connects.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(all_to_all), SPIKELET_MEMBER(one_to_one), SPIKELET_MEMBER(fixed_probability),
       SPIKELET_MEMBER(fixed_indegree), SPIKELET_MEMBER(fixed_outdegree),
       SPIKELET_MEMBER(fixed_total_number)});
};

template <>
struct EnumTable<ValueSpec::Kind> {
  using E = ValueSpec::Kind;
  static constexpr const char* name = "ValueKind";
  static constexpr const char* doc = "Where values come from: a list or a distribution.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(values), SPIKELET_MEMBER(normal), SPIKELET_MEMBER(lognormal),
       SPIKELET_MEMBER(uniform), SPIKELET_MEMBER(exponential)});
};

template <>
struct EnumTable<ValueSpec::Limit> {
  using E = ValueSpec::Limit;
  static constexpr const char* name = "ValueLimit";
  static constexpr const char* doc = "What happens to drawn values outside the limits.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(none), SPIKELET_MEMBER(clip), SPIKELET_MEMBER(redraw)});
};

template <>
struct EnumTable<Pairing> {
  using E = Pairing;
  static constexpr const char* name = "Pairing";
  static constexpr const char* doc = "Which pairs of spikes a plasticity rule counts.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(all_to_all), SPIKELET_MEMBER(nearest_symmetric),
       SPIKELET_MEMBER(nearest_pre_centered), SPIKELET_MEMBER(nearest_restricted)});
};

template <>
struct EnumTable<Regulation::Kind> {
  using E = Regulation::Kind;
  static constexpr const char* name = "RegulationKind";
  static constexpr const char* doc =
      "How incoming weights are regulated: to a given sum, or towards a given rate.";
  static constexpr auto members =
      std::to_array<Enumerator<E>>({{"normalize", E::normalise}, SPIKELET_MEMBER(scale)});
};

template <>
struct EnumTable<RecorderKind> {
  using E = RecorderKind;
  static constexpr const char* name = "RecorderKind";
  static constexpr const char* doc = "What a recorder of a network records.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(spikes), SPIKELET_MEMBER(state), SPIKELET_MEMBER(weights)});
};

template <>
struct EnumTable<layers::InputForm> {
  using E = layers::InputForm;
  static constexpr const char* name = "InputForm";
  static constexpr const char* doc =
      "Input of a layered network: constant, one array for each step, spikes, or packed spikes.";
  static constexpr auto members =
      std::to_array<Enumerator<E>>({SPIKELET_MEMBER(constant), SPIKELET_MEMBER(sequence),
                                    SPIKELET_MEMBER(spikes), SPIKELET_MEMBER(packed)});
};

template <>
struct EnumTable<layers::Form> {
  using E = layers::Form;
  static constexpr const char* name = "Form";
  static constexpr const char* doc =
      "How the values of a node of a layered network are held: one array for all steps, one for "
      "each, spikes, or a linear function of spikes.";
  static constexpr auto members =
      std::to_array<Enumerator<E>>({SPIKELET_MEMBER(constant), SPIKELET_MEMBER(sequence),
                                    SPIKELET_MEMBER(spikes), SPIKELET_MEMBER(current)});
};

template <>
struct EnumTable<layers::What> {
  using E = layers::What;
  static constexpr const char* name = "Quantity";
  static constexpr const char* doc = "What is recorded of a node of a layered network.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(spikes), SPIKELET_MEMBER(potential), SPIKELET_MEMBER(mean),
       SPIKELET_MEMBER(value), SPIKELET_MEMBER(packed)});
};

template <>
struct EnumTable<layers::Dynamics::Reset> {
  using E = layers::Dynamics::Reset;
  static constexpr const char* name = "LayerReset";
  static constexpr const char* doc = "What a spike does to the potential of a neuron in a layer.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(subtract), SPIKELET_MEMBER(value), SPIKELET_MEMBER(none)});
};

template <>
struct EnumTable<layers::Function> {
  using E = layers::Function;
  static constexpr const char* name = "Function";
  static constexpr const char* doc = "A function of each value of a layer.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(abs),        SPIKELET_MEMBER(celu),       SPIKELET_MEMBER(clip),
       SPIKELET_MEMBER(cos),        SPIKELET_MEMBER(elu),        SPIKELET_MEMBER(erf),
       SPIKELET_MEMBER(exp),        SPIKELET_MEMBER(floor),      SPIKELET_MEMBER(gelu),
       SPIKELET_MEMBER(gelu_tanh),  SPIKELET_MEMBER(hardshrink), SPIKELET_MEMBER(hardsigmoid),
       SPIKELET_MEMBER(hardswish),  SPIKELET_MEMBER(leaky_relu), SPIKELET_MEMBER(log),
       SPIKELET_MEMBER(logsigmoid), SPIKELET_MEMBER(mish),       SPIKELET_MEMBER(pow),
       SPIKELET_MEMBER(reciprocal), SPIKELET_MEMBER(selu),       SPIKELET_MEMBER(sigmoid),
       SPIKELET_MEMBER(silu),       SPIKELET_MEMBER(sin),        SPIKELET_MEMBER(softplus),
       SPIKELET_MEMBER(softshrink), SPIKELET_MEMBER(softsign),   SPIKELET_MEMBER(sqrt),
       SPIKELET_MEMBER(square),     SPIKELET_MEMBER(tanh),       SPIKELET_MEMBER(threshold)});
};

template <>
struct EnumTable<layers::Binary::Kind> {
  using E = layers::Binary::Kind;
  static constexpr const char* name = "Combination";
  static constexpr const char* doc = "How two values of layers are combined.";
  static constexpr auto members =
      std::to_array<Enumerator<E>>({SPIKELET_MEMBER(multiply), SPIKELET_MEMBER(divide),
                                    SPIKELET_MEMBER(maximum), SPIKELET_MEMBER(minimum)});
};

template <>
struct EnumTable<layers::Reduce::Kind> {
  using E = layers::Reduce::Kind;
  static constexpr const char* name = "Reduction";
  static constexpr const char* doc = "How values along an axis become one.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(mean), SPIKELET_MEMBER(sum), SPIKELET_MEMBER(max), SPIKELET_MEMBER(min),
       SPIKELET_MEMBER(prod), SPIKELET_MEMBER(l1), SPIKELET_MEMBER(l2)});
};

template <>
struct EnumTable<train::Charge> {
  using E = train::Charge;
  static constexpr const char* name = "Charge";
  static constexpr const char* doc =
      "How the input x charges the potential v to h.\n\n"
      "decay: h = leak v + gain x; relax_input: h = v + (gain x - (v - rest)) / leak;\n"
      "relax: h = v - (v - rest) / leak + gain x.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(decay), SPIKELET_MEMBER(relax_input), SPIKELET_MEMBER(relax)});
};

template <>
struct EnumTable<train::Reset> {
  using E = train::Reset;
  static constexpr const char* name = "Reset";
  static constexpr const char* doc =
      "What a spike does to the potential: subtract the threshold, set it to v_reset, or nothing.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(subtract), SPIKELET_MEMBER(value), SPIKELET_MEMBER(none)});
};

template <>
struct EnumTable<train::When> {
  using E = train::When;
  static constexpr const char* name = "When";
  static constexpr const char* doc =
      "When the reset happens: in the step of the spike, before the charge of the next step, or\n"
      "both (snnTorch's Leaky with reset_delay=False).";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(same), SPIKELET_MEMBER(next), SPIKELET_MEMBER(both)});
};

template <>
struct EnumTable<train::Surrogate> {
  using E = train::Surrogate;
  static constexpr const char* name = "Surrogate";
  static constexpr const char* doc =
      "The function that replaces the derivative of a spike in the backward pass.";
  static constexpr auto members = std::to_array<Enumerator<E>>(
      {SPIKELET_MEMBER(atan), SPIKELET_MEMBER(sigmoid), SPIKELET_MEMBER(fast_sigmoid),
       SPIKELET_MEMBER(triangle), SPIKELET_MEMBER(rectangle), SPIKELET_MEMBER(gaussian),
       SPIKELET_MEMBER(table)});
};

#undef SPIKELET_MEMBER

template <class E>
concept Tabled = requires { EnumTable<E>::members; };

template <Tabled E>
void bind_enum(py::module_& m) {
  py::native_enum<E> bound(m, EnumTable<E>::name, "enum.IntEnum", EnumTable<E>::doc);
  for (const auto& member : EnumTable<E>::members) {
    bound.value(member.name, member.value);
  }
  bound.finalize();
}

// Raises the error for a value that is not a member.
template <Tabled E>
[[noreturn]] void refuse(const std::string& what, const std::string& given) {
  std::string names;
  for (const auto& member : EnumTable<E>::members) {
    names += (names.empty() ? "" : ", ") + std::string(member.name);
  }
  throw py::value_error(what + " must be one of " + names + ", got " + given);
}

}  // namespace spikelet

namespace pybind11::detail {

template <class E>
struct type_caster_enum_type_enabled<E, enable_if_t<spikelet::Tabled<E>>> : std::false_type {};

template <class E>
class type_caster<E, enable_if_t<spikelet::Tabled<E>>> {
 public:
  PYBIND11_TYPE_CASTER(E, type_caster_enum_type<E>::name + const_name(" | str"));

  bool load(handle given, bool) {
    if (PyUnicode_Check(given.ptr()) != 0) {
      const auto text = given.cast<std::string>();
      for (const auto& member : spikelet::EnumTable<E>::members) {
        if (text == member.name) {
          value = member.value;
          return true;
        }
      }
    } else if (type_caster_enum_type<E> member; member.load(given, false)) {
      value = member;
      return true;
    }
    spikelet::refuse<E>(spikelet::EnumTable<E>::name, repr(given).cast<std::string>());
  }

  static handle cast(E given, return_value_policy policy, handle parent) {
    return type_caster_enum_type<E>::cast(given, policy, parent);
  }
};

}  // namespace pybind11::detail
