// What runs programs, compiled for one SIMD level.
#include "core/kernels.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "core/level_prelude.hpp"
#include "spikelet/core/program_run.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
#include "core/simd_words.hpp"
#include "core/kernel_parts.hpp"
#include "core/random16.hpp"
#include "core/normals.hpp"
#include "core/neurons/hold.hpp"
#include "core/program/functions.hpp"
#include "core/program/operations.hpp"
#include "core/program/sums.hpp"
#include "core/program/runner.hpp"
// clang-format on

namespace spikelet::SPIKELET_LEVEL {

template Operation<float> operation(Opcode, unsigned);
template Operation<double> operation(Opcode, unsigned);
template Operation<float> sum_operation(std::uint16_t, int, bool);
template Operation<double> sum_operation(std::uint16_t, int, bool);
template Operation<float> spikes_operation(Opcode, bool, unsigned);
template Operation<double> spikes_operation(Opcode, bool, unsigned);
template Gid* step_program(const StepArgs<float>&, std::size_t, std::size_t, Gid*);
template Gid* step_program(const StepArgs<double>&, std::size_t, std::size_t, Gid*);

}  // namespace spikelet::SPIKELET_LEVEL
#include "core/target_pop.hpp"
