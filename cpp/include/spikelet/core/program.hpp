// The step of a neuron model without a kernel, as data: instructions on slots. A program is
// checked when it is made, and never changes. What runs it is compiled for each SIMD level
// (src/core/program/).
//
// Slots lie in one space, in this order:
//   states | inputs, one for each early receptor | coefficients | constants | draws |
//   T | CURRENT | HELD | SPIKED | registers
// T is the time at the start of the step [ms], CURRENT the external current of the step, HELD a
// mask of refractory neurons, SPIKED (in `reset` only) one of those that have reached their
// threshold and are not held. A mask is a register whose bits are all ones or all zeros.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikelet/core/receptors.hpp"

namespace spikelet {

// Every opcode: its name, its operands (n: a number, m: a mask, x: either, but the same kind each
// time) and its result. Each operation is rounded on its own, left to right.
#define SPIKELET_OPCODES(X) \
  X(MOV, "x", x)            \
  X(ADD, "nn", n)           \
  X(SUB, "nn", n)           \
  X(MUL, "nn", n)           \
  X(DIV, "nn", n)           \
  X(NEG, "n", n)            \
  X(ABS, "n", n)            \
  X(MIN, "nn", n)           \
  X(MAX, "nn", n)           \
  X(SQRT, "n", n)           \
  X(EXP, "n", n)            \
  X(EXPM1, "n", n)          \
  X(EXPREL, "n", n)         \
  X(LOG, "n", n)            \
  X(LOG1P, "n", n)          \
  X(SIN, "n", n)            \
  X(COS, "n", n)            \
  X(TAN, "n", n)            \
  X(TANH, "n", n)           \
  X(SINH, "n", n)           \
  X(COSH, "n", n)           \
  X(ASIN, "n", n)           \
  X(ACOS, "n", n)           \
  X(ATAN, "n", n)           \
  X(POW, "nn", n)           \
  X(FLOOR, "n", n)          \
  X(CEIL, "n", n)           \
  X(SIGN, "n", n)           \
  X(MOD, "nn", n)           \
  X(LT, "nn", m)            \
  X(LE, "nn", m)            \
  X(EQ, "nn", m)            \
  X(NE, "nn", m)            \
  X(AND, "mm", m)           \
  X(OR, "mm", m)            \
  X(NOT, "m", m)            \
  X(SELECT, "mxx", x)       \
  X(TO_NUMBER, "m", n)      \
  X(MULADD, "nnn", n)       \
  X(LIN2, "nnnn", n)        \
  X(LIN3, "nnnnnn", n)

enum class Opcode : std::uint16_t {
#define SPIKELET_OPCODE(name, operands, result) name,
  SPIKELET_OPCODES(SPIKELET_OPCODE)
#undef SPIKELET_OPCODE
};

struct OpcodeInfo {
  std::string_view name, operands;
  char result;
};
// All of them, in order.
std::span<const OpcodeInfo> opcodes();

struct Instruction {
  std::uint16_t opcode = 0, target = 0;
  std::array<std::uint16_t, 6> operand{};
};

enum class DrawKind : int { uniform, normal };

struct ProgramReceptor {
  std::string name;
  int state = -1;  // that events are added to after the step; -1: an input slot that the step reads
  bool magnitude = false;
};

// What a program is made of.
struct ProgramParts {
  std::string name;
  std::vector<std::string> states;
  std::size_t coefficients = 0;  // values that come from parameters
  std::vector<double> constants;
  std::vector<DrawKind> draws;
  std::size_t registers = 0;
  std::vector<ProgramReceptor> receptors;
  std::vector<Instruction> step;
  int spiked = -1;  // a mask register: neurons at their threshold, or not a number; -1: never
  std::vector<Instruction> reset;  // for groups with a spike; changes states by SELECT(SPIKED, ..)
  bool by_sign = false;            // the sign of events chooses between receptors 0 and 1
  bool time = false;               // a step depends on its time
};

// The instructions that are run: each does the work of several, with the same roundings.
struct FusedInstruction {
  enum Kind {
    operation,  // as `opcode` says
    sum,     // products and terms of `form`, left to right; see sum_forms. If `flag` is set, held
             // neurons get the last operand instead
    spikes,  // one bit for each neuron: LT or LE of two operands, or the mask itself (NOT). If
             // `flag` is set, the opposite
  };
  Kind kind = operation;
  Opcode opcode = Opcode::MOV;
  std::uint16_t form = 0, target = 0;
  bool flag = false;
  std::uint8_t operands = 0;
  std::array<std::uint16_t, 10> operand{};
};

// A sum's items, two bits each, the first one lowest: 1 a product of two operands, 2 an operand, 3
// an operand that is subtracted.
constexpr std::uint16_t sum_form(std::string_view items) {
  std::uint16_t form = 0;
  for (std::size_t k = items.size(); k-- > 0;) {
    form = static_cast<std::uint16_t>(form << 2 | (items[k] == '*' ? 1 : items[k] == '+' ? 2 : 3));
  }
  return form;
}
constexpr std::size_t sum_operands(std::uint16_t form) {
  return form == 0 ? 0 : ((form & 3) == 1 ? 2 : 1) + sum_operands(form >> 2);
}
// The sums that have a compiled loop.
inline constexpr std::array sum_forms{
    sum_form("+"),    sum_form("*"),    sum_form("++"),  sum_form("+-"),   sum_form("*+"),
    sum_form("*-"),   sum_form("**"),   sum_form("+++"), sum_form("*++"),  sum_form("**+"),
    sum_form("**-"),  sum_form("***"),  sum_form("*+*"), sum_form("***+"), sum_form("**++"),
    sum_form("****"), sum_form("****+")};

class Program {
 public:
  static constexpr std::size_t max_program_states = 64;
  static constexpr std::size_t max_draws = 64;
  static constexpr std::size_t max_values = 4096;  // coefficients; constants; registers
  static constexpr std::size_t max_instructions = 16384;

  // Throws std::invalid_argument, with the instruction that is wrong.
  explicit Program(ProgramParts parts);

  const ProgramParts& parts() const { return parts_; }
  const Receptors& receptors() const { return receptors_; }

  // Where each kind of slots begins.
  struct Slots {
    std::size_t input, coefficient, constant, draw, time, current, held, spiked, registers, end;
  };
  const Slots& slots() const { return slots_; }
  // Whether a neuron that nothing reaches, and that stays the same in one step, never changes.
  bool may_rest() const { return !parts_.time && parts_.draws.empty(); }
  bool reads(std::size_t slot) const { return reads_[slot]; }
  // The step, fused; its last instruction tests for spikes, if there can be any. And the reset.
  const std::vector<FusedInstruction>& step() const { return step_; }
  // The same for neurons none of which is held, with early inputs that are all 0.
  const std::vector<FusedInstruction>& calm_step() const { return calm_step_; }
  const std::vector<FusedInstruction>& reset() const { return reset_; }

 private:
  ProgramParts parts_;
  Receptors receptors_;
  Slots slots_;
  std::vector<FusedInstruction> step_, calm_step_, reset_;
  std::vector<bool> reads_;  // by slot: whether fused instructions read it
};

}  // namespace spikelet
