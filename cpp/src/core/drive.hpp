// The coefficients of a neuron model that change often and take no exponential (ModelInfo::drive).
#pragma once

#include <algorithm>
#include <array>
#include <concepts>

#include "spikelet/core/model.hpp"

namespace spikelet {

// Of a model that names such a coefficient as `current`: it is the parameter I_e as it is.
template <class M>
struct CurrentDrive {
  static constexpr int I_e =
      p_first + static_cast<int>(std::ranges::find(M::parameters, "I_e") - M::parameters.begin());
  static constexpr std::array driving{I_e}, driven{static_cast<int>(M::current)};
  static constexpr bool follows = false;
  static void drive(const double* p, double* c) { c[M::current] = p[I_e]; }
};

// Of a model that has a function for them, which lower() calls last: it reads what lower() left.
template <class M>
struct OwnDrive {
  static constexpr auto driving = M::driving;
  static constexpr auto driven = M::driven;
  static constexpr bool follows = true;
  static void drive(const double* p, double* c) { M::drive(p, c); }
};

template <class Drive>
void drive_elements(const double* const* parameters, const double* coefficients, std::size_t n,
                    double* const* values) {
  std::array<double, max_parameters> p;
  std::array<double, max_coefficients> c;
  std::copy_n(coefficients, c.size(), c.begin());
  for (std::size_t i = 0; i < n; ++i) {
    for (const int k : Drive::driving) {
      p[static_cast<std::size_t>(k)] = parameters[k][i];
    }
    Drive::drive(p.data(), c.data());
    for (std::size_t j = 0; j < Drive::driven.size(); ++j) {
      values[j][i] = c[static_cast<std::size_t>(Drive::driven[j])];
    }
  }
}

template <class Drive>
constexpr void describe_drive(ModelInfo& info) {
  for (const int k : Drive::driving) {
    info.driving |= bit_of(k);
  }
  info.driven = Drive::driven;
  info.drive = &drive_elements<Drive>;
  info.follows = Drive::follows;
}

template <class M>
constexpr ModelInfo describe_model() {
  static_assert(p_first + M::parameters.size() <= max_parameters);
  static_assert(M::coefficient_count <= max_coefficients - k_first);
  ModelInfo info{};
  info.name = M::name;
  info.parameters = M::parameters;
  info.states = M::states;
  info.coefficients = k_first + M::coefficient_count;
  info.input_states = M::input_states;
  info.conductance = M::conductance;
  info.lower = &M::lower;
  info.reads_E_L = true;
  if constexpr (requires { M::reads_E_L; }) {
    info.reads_E_L = M::reads_E_L;
  }
  if constexpr (requires { &M::drive; }) {
    describe_drive<OwnDrive<M>>(info);
  } else if constexpr (requires { M::current; }) {
    describe_drive<CurrentDrive<M>>(info);
  }
  return info;
}

}  // namespace spikelet
