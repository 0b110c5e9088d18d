// Fuses instructions of a program, so that a value that only the next one reads is never stored.
#pragma once

#include <vector>

#include "spikelet/core/program.hpp"

namespace spikelet {

// spiked: the register of the mask of spikes, or -1; a last instruction then tests it.
std::vector<FusedInstruction> fuse(const std::vector<Instruction>& code, int spiked,
                                   const Program::Slots& slots);

}  // namespace spikelet
