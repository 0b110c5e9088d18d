#include "spikelet/core/program.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/program/calm.hpp"
#include "core/program/fuse.hpp"

namespace spikelet {
namespace {

[[noreturn]] void refuse(const ProgramParts& parts, const std::string& what) {
  throw std::invalid_argument("program '" + parts.name + "': " + what);
}

void require_count(const ProgramParts& parts, const char* what, std::size_t count, std::size_t low,
                   std::size_t high) {
  if (count < low || count > high) {
    refuse(parts, std::string(what) + " must be " + std::to_string(low) + " to " +
                      std::to_string(high) + ", got " + std::to_string(count));
  }
}

Receptors receptors_of(const ProgramParts& parts) {
  std::vector<ReceptorInfo> all;
  for (const ProgramReceptor& receptor : parts.receptors) {
    if (receptor.state < -1 || receptor.state >= static_cast<int>(parts.states.size())) {
      refuse(parts, "receptor '" + receptor.name + "' must add to a state (0 to " +
                        std::to_string(parts.states.size() - 1) + ") or -1, got " +
                        std::to_string(receptor.state));
    }
    all.push_back({receptor.state, receptor.magnitude});
  }
  try {
    return {all, parts.by_sign};
  } catch (const std::invalid_argument& error) {
    refuse(parts, error.what());
  }
}

Program::Slots slots_of(const ProgramParts& parts) {
  Program::Slots s{};
  s.input = parts.states.size();
  s.coefficient = s.input + static_cast<std::size_t>(std::ranges::count_if(
                                parts.receptors, [](const auto& r) { return r.state < 0; }));
  s.constant = s.coefficient + parts.coefficients;
  s.draw = s.constant + parts.constants.size();
  s.time = s.draw + parts.draws.size();
  s.current = s.time + 1;
  s.held = s.current + 1;
  s.spiked = s.held + 1;
  s.registers = s.spiked + 1;
  s.end = s.registers + parts.registers;
  return s;
}

const ProgramParts& checked(const ProgramParts& parts) {
  require_count(parts, "states", parts.states.size(), 1, Program::max_program_states);
  require_count(parts, "coefficients", parts.coefficients, 0, Program::max_values);
  require_count(parts, "constants", parts.constants.size(), 0, Program::max_values);
  require_count(parts, "draws", parts.draws.size(), 0, Program::max_draws);
  require_count(parts, "registers", parts.registers, 0, Program::max_values);
  require_count(parts, "receptors", parts.receptors.size(), 0, max_receptors);
  require_count(parts, "instructions of a step", parts.step.size(), 0, Program::max_instructions);
  require_count(parts, "instructions of a reset", parts.reset.size(), 0, Program::max_instructions);
  for (const DrawKind kind : parts.draws) {
    if (kind != DrawKind::uniform && kind != DrawKind::normal) {
      refuse(parts, "draws must be 0 (uniform) or 1 (normal), got " +
                        std::to_string(static_cast<int>(kind)));
    }
  }
  return parts;
}

// Follows what each slot holds through a list of instructions.
class Checker {
 public:
  Checker(const ProgramParts& parts, const Program::Slots& slots, bool reset)
      : parts_(parts), slots_(slots), reset_(reset), kind_(slots.end, 'n') {
    kind_[slots.held] = 'm';
    kind_[slots.spiked] = reset ? 'm' : '-';
    std::fill(kind_.begin() + static_cast<std::ptrdiff_t>(slots.registers), kind_.end(), '-');
  }

  void check(const std::vector<Instruction>& instructions) {
    for (std::size_t k = 0; k < instructions.size(); ++k) {
      at_ = k;
      one(instructions[k]);
    }
  }
  char kind(std::size_t slot) const { return kind_[slot]; }

 private:
  void one(const Instruction& in) {
    const auto all = opcodes();
    if (in.opcode >= all.size()) {
      fail("", "has opcode " + std::to_string(in.opcode) + "; the last one is " +
                   std::to_string(all.size() - 1));
    }
    const OpcodeInfo& info = all[in.opcode];
    char either = '-';
    for (std::size_t k = 0; k < in.operand.size(); ++k) {
      const std::size_t slot = in.operand[k];
      if (k >= info.operands.size()) {
        if (slot != 0) {
          fail(info.name,
               "takes " + std::to_string(info.operands.size()) + " operands; the others must be 0");
        }
        continue;
      }
      if (slot >= slots_.end) {
        fail(info.name, "reads slot " + std::to_string(slot) + "; the last one is " +
                            std::to_string(slots_.end - 1));
      }
      if (kind_[slot] == '-') {
        fail(info.name, slot == slots_.spiked
                            ? "reads SPIKED, which only a reset may do"
                            : "reads register " + std::to_string(slot - slots_.registers) +
                                  " before it is written");
      }
      char wanted = info.operands[k];
      if (wanted == 'x') {
        wanted = either = either == '-' ? kind_[slot] : either;
      }
      if (kind_[slot] != wanted) {
        fail(info.name, std::string("needs a ") + (wanted == 'm' ? "mask" : "number") +
                            " as operand " + std::to_string(k));
      }
    }
    const std::size_t target = in.target;
    if (target >= slots_.end || (target >= slots_.input && target < slots_.registers)) {
      fail(info.name,
           "must write to a state or a register; slot " + std::to_string(target) + " is neither");
    }
    const char result = info.result == 'x' ? either : info.result;
    if (target < slots_.input && result == 'm') {
      fail(info.name, "writes a mask to a state");
    }
    kind_[target] = result;
  }

  [[noreturn]] void fail(std::string_view opcode, const std::string& what) const {
    refuse(parts_, "instruction " + std::to_string(at_) + " of the " + (reset_ ? "reset" : "step") +
                       (opcode.empty() ? "" : " (" + std::string(opcode) + ")") + " " + what);
  }

  const ProgramParts& parts_;
  const Program::Slots& slots_;
  bool reset_;
  std::vector<char> kind_;  // n, m, or -: not to be read
  std::size_t at_ = 0;
};

}  // namespace

std::span<const OpcodeInfo> opcodes() {
  static constexpr auto all = std::to_array<OpcodeInfo>({
#define SPIKELET_OPCODE(name, operands, result) {#name, operands, #result[0]},
      SPIKELET_OPCODES(SPIKELET_OPCODE)
#undef SPIKELET_OPCODE
  });
  return all;
}

Program::Program(ProgramParts parts)
    : parts_(std::move(parts)),
      receptors_(receptors_of(checked(parts_))),
      slots_(slots_of(parts_)),
      reads_(slots_.end) {
  Checker step(parts_, slots_, false);
  step.check(parts_.step);
  const bool spikes = parts_.spiked != -1;
  if (spikes && (parts_.spiked < static_cast<int>(slots_.registers) ||
                 parts_.spiked >= static_cast<int>(slots_.end) ||
                 step.kind(static_cast<std::size_t>(parts_.spiked)) != 'm')) {
    refuse(parts_, "spiked must be a register to which the step writes a mask, or -1, got " +
                       std::to_string(parts_.spiked));
  }
  if (!spikes && !parts_.reset.empty()) {
    refuse(parts_, "a reset needs spiked, the mask of the neurons that it resets");
  }
  Checker(parts_, slots_, true).check(parts_.reset);
  step_ = fuse(parts_.step, parts_.spiked, slots_);
  calm_step_ = fuse(calm(parts_.step, parts_.spiked, slots_), parts_.spiked, slots_);
  reset_ = fuse(parts_.reset, -1, slots_);
  for (const auto* code : {&step_, &calm_step_, &reset_}) {
    for (const FusedInstruction& in : *code) {
      for (std::size_t k = 0; k < in.operands; ++k) {
        reads_[in.operand[k]] = true;
      }
    }
  }
  parts_.time = parts_.time || reads_[slots_.time];
}

}  // namespace spikelet
