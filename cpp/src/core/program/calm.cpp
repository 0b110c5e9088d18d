#include "core/program/calm.hpp"

#include <algorithm>

namespace spikelet {

std::vector<Instruction> calm(const std::vector<Instruction>& code, int spiked,
                              const Program::Slots& slots) {
  std::vector<Instruction> left;
  std::vector<bool> wanted(slots.end);
  std::fill_n(wanted.begin(), slots.input, true);  // states
  if (spiked >= 0) {
    wanted[static_cast<std::size_t>(spiked)] = true;
  }
  for (std::size_t k = code.size(); k-- > 0;) {
    Instruction in = code[k];
    if (!wanted[in.target]) {
      continue;
    }
    if (static_cast<Opcode>(in.opcode) == Opcode::SELECT && in.operand[0] == slots.held) {
      if (in.operand[2] == in.target) {
        continue;  // it is there already
      }
      in = {static_cast<std::uint16_t>(Opcode::MOV), in.target, {in.operand[2]}};
    }
    wanted[in.target] = false;
    for (std::size_t o = 0; o < opcodes()[in.opcode].operands.size(); ++o) {
      wanted[in.operand[o]] = true;
    }
    left.push_back(in);
  }
  std::ranges::reverse(left);
  return left;
}

}  // namespace spikelet
