// The step of calm neurons: none is held, and no event has reached their early inputs. It does less
// than the step of others and gives the same bits.
#pragma once

#include <vector>

#include "spikelet/core/program.hpp"

namespace spikelet {

// Without choices by HELD, and without what only these need. Inputs are read as before.
// spiked: the register of the mask of spikes, or -1.
std::vector<Instruction> calm(const std::vector<Instruction>& code, int spiked,
                              const Program::Slots& slots);

}  // namespace spikelet
