// A small assembler for programs, and programs that several tests need.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "spikelet/network/population.hpp"

namespace programs {

using namespace spikelet;

// Slots are given out in their order: first all states, early receptors, coefficients, constants
// and draws; then instructions.
class Writer {
 public:
  explicit Writer(std::vector<std::string> states, std::size_t coefficients = 0) {
    parts.name = "test";
    parts.states = std::move(states);
    parts.coefficients = coefficients;
  }
  std::uint16_t input(std::size_t k) const { return at(parts.states.size() + k); }
  std::uint16_t coefficient(std::size_t k) const { return at(parts.states.size() + early() + k); }
  std::uint16_t constant(std::size_t k) const {
    return at(coefficient(0) + parts.coefficients + k);
  }
  std::uint16_t draw(std::size_t k) const { return at(constant(0) + parts.constants.size() + k); }
  std::uint16_t time() const { return at(draw(0) + parts.draws.size()); }
  std::uint16_t current() const { return at(time() + 1u); }
  std::uint16_t held() const { return at(time() + 2u); }
  std::uint16_t spiked() const { return at(time() + 3u); }
  std::uint16_t reg(std::size_t k) {
    parts.registers = std::max(parts.registers, k + 1);
    return at(time() + 4u + k);
  }
  Writer& step(Opcode op, std::size_t target, std::initializer_list<std::size_t> operands) {
    parts.step.push_back(instruction(op, target, operands));
    return *this;
  }
  Writer& reset(Opcode op, std::size_t target, std::initializer_list<std::size_t> operands) {
    parts.reset.push_back(instruction(op, target, operands));
    return *this;
  }
  Program program() const { return Program(parts); }
  std::shared_ptr<const Program> shared() const { return std::make_shared<const Program>(parts); }

  ProgramParts parts;

 private:
  static std::uint16_t at(std::size_t slot) { return static_cast<std::uint16_t>(slot); }
  std::size_t early() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(parts.receptors, [](const auto& r) { return r.state < 0; }));
  }
  static Instruction instruction(Opcode op, std::size_t target,
                                 std::initializer_list<std::size_t> operands) {
    Instruction in{static_cast<std::uint16_t>(op), at(target), {}};
    std::ranges::transform(operands, in.operand.begin(), at);
    return in;
  }
};

// The kernel LIF with E_L = 0, operation by operation. Coefficients: P22, P21_ex, P21_in, P11_ex,
// P11_in, P20, I_e, V_th, V_reset.
inline std::shared_ptr<const Program> lif() {
  Writer w({"V_m", "I_syn_ex", "I_syn_in"}, 9);
  w.parts.receptors = {{"ex", 1, false}, {"in", 2, false}};
  w.parts.by_sign = true;
  const auto c = [&](std::size_t k) { return w.coefficient(k); };
  w.step(Opcode::LIN3, w.reg(0), {0, c(0), 1, c(1), 2, c(2)})
      .step(Opcode::ADD, w.reg(1), {c(6), w.current()})
      .step(Opcode::MULADD, w.reg(0), {w.reg(1), c(5), w.reg(0)})
      .step(Opcode::SELECT, 0, {w.held(), 0, w.reg(0)})
      .step(Opcode::MUL, 1, {1, c(3)})
      .step(Opcode::MUL, 2, {2, c(4)})
      .step(Opcode::LT, w.reg(0), {0, c(7)})
      .step(Opcode::NOT, w.reg(0), {w.reg(0)})
      .reset(Opcode::SELECT, 0, {w.spiked(), c(8), 0});
  w.parts.spiked = w.reg(0);
  return w.shared();
}
inline ProgramValues lif_values(double dt, double tau_m, double C_m, double tau_ex, double tau_in,
                                double I_e, double V_th, double V_reset, double t_ref) {
  const auto through = [&](double tau) {
    const double beta = tau * tau_m / (tau_m - tau);
    return beta / C_m * std::exp(-dt / tau) * std::expm1(dt * ((tau_m - tau) / (tau * tau_m)));
  };
  const double kept = std::exp(-dt / tau_m);
  return {{{kept},
           {through(tau_ex)},
           {through(tau_in)},
           {std::exp(-dt / tau_ex)},
           {std::exp(-dt / tau_in)},
           {tau_m / C_m * (1 - kept)},
           {I_e},
           {V_th},
           {V_reset}},
          {t_ref}};
}

// The fly brain's neuron: v relaxes to v0 + g, g decays, both frozen while refractory; an event adds
// its weight to g after the step (receptor "g") or to v within it (receptor "v"). Coefficients: kept
// of v, its rest (1 - kept) v0, effect of g, kept of g, threshold, reset.
inline std::shared_ptr<const Program> fly() {
  Writer w({"v", "g"}, 6);
  w.parts.receptors = {{"g", 1, false}, {"v", -1, false}};
  w.parts.constants.push_back(0);
  const auto c = [&](std::size_t k) { return w.coefficient(k); };
  w.step(Opcode::LIN2, w.reg(0), {0, c(0), 1, c(2)})
      .step(Opcode::ADD, w.reg(0), {w.reg(0), c(1)})
      .step(Opcode::SELECT, 0, {w.held(), 0, w.reg(0)})
      .step(Opcode::ADD, 0, {0, w.input(0)})
      .step(Opcode::MUL, w.reg(0), {1, c(3)})
      .step(Opcode::SELECT, 1, {w.held(), 1, w.reg(0)})
      .step(Opcode::LE, w.reg(0), {0, c(4)})
      .step(Opcode::NOT, w.reg(0), {w.reg(0)})
      .reset(Opcode::SELECT, 0, {w.spiked(), c(5), 0})
      .reset(Opcode::SELECT, 1, {w.spiked(), w.constant(0), 1});
  w.parts.spiked = w.reg(0);
  return w.shared();
}
inline ProgramValues fly_values(double dt) {
  const double v0 = -52, t_mbr = 20, tau = 5;
  const double kept = std::exp(-dt / t_mbr), kept_g = std::exp(-dt / tau);
  return {{{kept},
           {(1 - kept) * v0},
           {tau / (t_mbr - tau) * (kept - kept_g)},
           {kept_g},
           {-45},
           {-52}},
          {2.2}};
}

}  // namespace programs
