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

// The fly brain's neuron: v relaxes to v0 + g, g decays, both frozen while refractory; an event
// adds its weight to g after the step (receptor "g") or to v within it (receptor "v").
// Coefficients: kept of v, its rest (1 - kept) v0, effect of g, kept of g, threshold, reset.
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
  return {
      {{kept}, {(1 - kept) * v0}, {tau / (t_mbr - tau) * (kept - kept_g)}, {kept_g}, {-45}, {-52}},
      {2.2}};
}

// AdEx with exponential currents, rk2 (midpoint), V clipped at its peak.
inline std::shared_ptr<const Program> adex() {
  using O = Opcode;
  Writer w({"V_m", "w", "I_ex", "I_in"}, 16);
  w.parts.receptors = {{"ex", 2, false}, {"in", 3, false}};
  w.parts.by_sign = true;
  const auto c = [&](std::size_t k) { return w.coefficient(k); };
  const auto r = [&](std::size_t k) { return w.reg(k); };
  const auto derive = [&](std::size_t V, std::size_t adaptation) {  // from r0, the current
    w.step(O::MULADD, r(1), {V, c(0), c(1)})
        .step(O::EXP, r(1), {r(1)})
        .step(O::LIN3, r(2), {V, c(2), r(1), c(3), adaptation, c(4)})
        .step(O::MULADD, r(2), {r(0), c(5), r(2)})
        .step(O::ADD, r(2), {r(2), c(6)})
        .step(O::LIN2, r(3), {V, c(7), adaptation, c(8)})
        .step(O::ADD, r(3), {r(3), c(9)});
  };
  w.step(O::ADD, r(0), {2, 3});
  derive(0, 1);
  w.step(O::MULADD, r(4), {r(2), c(10), 0})
      .step(O::MIN, r(4), {r(4), c(14)})
      .step(O::MULADD, r(5), {r(3), c(10), 1})
      .step(O::LIN2, r(0), {2, c(12), 3, c(13)});
  derive(r(4), r(5));
  w.step(O::MULADD, r(2), {r(2), c(11), 0})
      .step(O::SELECT, 0, {w.held(), 0, r(2)})
      .step(O::MULADD, 1, {r(3), c(11), 1})
      .step(O::MUL, 2, {2, c(12)})
      .step(O::MUL, 3, {3, c(13)})
      .step(O::LT, r(0), {0, c(14)})
      .step(O::NOT, r(0), {r(0)})
      .reset(O::SELECT, 0, {w.spiked(), c(15), 0});
  w.parts.spiked = r(0);
  return w.shared();
}
inline ProgramValues adex_values(double dt, double I_e) {
  const double C = 281, g_L = 30, E_L = -70.6, V_th = -50.4, slope = 2, tau_w = 144, a = 4;
  ProgramValues values;
  for (const double x : {1 / slope, -V_th / slope, -g_L / C, g_L * slope / C, -1 / C, 1 / C,
                         (g_L * E_L + I_e) / C, a / tau_w, -1 / tau_w, -a * E_L / tau_w, dt / 2, dt,
                         std::exp(-dt / 5), std::exp(-dt / 10), 0.0, -70.6}) {
    values.coefficients.push_back({x});
  }
  values.t_ref.assign(1, 2);
  return values;
}

// Hodgkin-Huxley (Traub & Miles 1991) with two conductances, exponential Euler.
inline std::shared_ptr<const Program> hodgkin_huxley() {
  using O = Opcode;
  Writer w({"V_m", "m", "h", "n", "g_ex", "g_in"}, 30);
  w.parts.receptors = {{"ex", 4, false}, {"in", 5, false}};
  w.parts.by_sign = true;
  const auto c = [&](std::size_t k) { return w.coefficient(k); };
  const auto r = [&](std::size_t k) { return w.reg(k); };
  const auto linoid = [&](std::size_t to, std::size_t k) {  // c2 / exprel(V c0 + c1)
    w.step(O::MULADD, r(to), {0, c(k), c(k + 1)})
        .step(O::EXPREL, r(to), {r(to)})
        .step(O::DIV, r(to), {c(k + 2), r(to)});
  };
  const auto exponential = [&](std::size_t to, std::size_t k) {
    w.step(O::MULADD, r(to), {0, c(k), c(k + 1)}).step(O::EXP, r(to), {r(to)});
  };
  linoid(1, 0);
  linoid(2, 3);
  exponential(3, 6);
  exponential(4, 8);
  w.step(O::ADD, r(4), {r(4), c(10)}).step(O::DIV, r(4), {c(11), r(4)});
  linoid(5, 12);
  exponential(6, 15);
  for (std::size_t gate = 1; gate <= 3; ++gate) {
    const std::size_t up = r(2 * gate - 1), down = r(2 * gate);
    w.step(O::ADD, down, {up, down})
        .step(O::DIV, up, {up, down})
        .step(O::MUL, down, {down, c(17)})
        .step(O::EXP, down, {down})
        .step(O::SUB, r(7), {gate, up})
        .step(O::MULADD, gate, {r(7), down, up});
  }
  w.step(O::MUL, r(1), {1, 1})
      .step(O::MUL, r(1), {r(1), 1})
      .step(O::MUL, r(1), {r(1), 2})
      .step(O::MUL, r(1), {r(1), c(18)})
      .step(O::MUL, r(2), {3, 3})
      .step(O::MUL, r(2), {r(2), r(2)})
      .step(O::MUL, r(2), {r(2), c(19)})
      .step(O::ADD, r(3), {r(1), r(2)})
      .step(O::ADD, r(3), {r(3), 4})
      .step(O::ADD, r(3), {r(3), 5})
      .step(O::ADD, r(3), {r(3), c(20)})
      .step(O::LIN3, r(4), {r(1), c(21), r(2), c(22), 4, c(23)})
      .step(O::MULADD, r(4), {5, c(24), r(4)})
      .step(O::ADD, r(4), {r(4), c(25)})
      .step(O::DIV, r(4), {r(4), r(3)})
      .step(O::MUL, r(3), {r(3), c(26)})
      .step(O::EXP, r(3), {r(3)})
      .step(O::SUB, r(5), {0, r(4)})
      .step(O::MULADD, r(5), {r(5), r(3), r(4)})
      .step(O::LT, r(6), {0, c(27)})
      .step(O::LE, r(7), {c(27), r(5)})
      .step(O::AND, r(6), {r(6), r(7)})
      .step(O::MOV, 0, {r(5)})
      .step(O::MUL, 4, {4, c(28)})
      .step(O::MUL, 5, {5, c(29)});
  w.parts.spiked = r(6);
  return w.shared();
}
inline ProgramValues hodgkin_huxley_values(double dt, double I_e) {
  const double V_T = -63, C = 200, g_L = 10, E_L = -60;
  ProgramValues values;
  for (const double x : {-1 / 4.,
                         (13 + V_T) / 4,
                         0.32 * 4,
                         1 / 5.,
                         -(40 + V_T) / 5,
                         0.28 * 5,
                         -1 / 18.,
                         (17 + V_T) / 18 + std::log(0.128),
                         -1 / 5.,
                         (40 + V_T) / 5,
                         1.,
                         4.,
                         -1 / 5.,
                         (15 + V_T) / 5,
                         0.032 * 5,
                         -1 / 40.,
                         (10 + V_T) / 40 + std::log(0.5),
                         -dt,
                         20000.,
                         6000.,
                         g_L,
                         50.,
                         -90.,
                         0.,
                         -80.,
                         g_L * E_L + I_e,
                         -dt / C,
                         -20.,
                         std::exp(-dt / 5),
                         std::exp(-dt / 10)}) {
    values.coefficients.push_back({x});
  }
  values.t_ref.assign(1, 3);
  return values;
}

}  // namespace programs
