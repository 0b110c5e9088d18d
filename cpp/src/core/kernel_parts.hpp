// The interface between the kernel sources of the core. Neuron models and programs have their own
// sources, so that an edited model recompiles nothing else.

namespace spikelet::SPIKELET_LEVEL {

// neurons/kernels.cpp
template <class R>
const StepFunctions<R>& step_functions(std::size_t model);

// program/kernels.cpp: the operation with those operands as single values (bit k: operand k), or
// null if it is not compiled; fused ones likewise; and the step.
template <class R>
Operation<R> operation(Opcode opcode, unsigned single);
template <class R>
Operation<R> sum_operation(std::uint16_t form, int singles, bool hold);
template <class R>
Operation<R> spikes_operation(Opcode opcode, bool opposite, unsigned single);
template <class R>
Gid* step_program(const StepArgs<R>& args, std::size_t begin, std::size_t end, Gid* out);

// kernels.cpp: input[i] += weight * (Poisson count of element i) for whole blocks [begin, end).
template <class R>
void poisson_range(const PoissonTable& table, const Stream& stream, const Stream& tie, Step step,
                   std::size_t begin, std::size_t end, const R* weight, std::size_t weight_mask,
                   R* input);
// The counts themselves, where one draw gives each (PoissonTable::repeats).
void poisson_counts(const PoissonTable& table, const Stream& stream, const Stream& tie, Step step,
                    std::size_t begin, std::size_t end, std::uint16_t* counts);
inline constexpr int blocks_together = 8;  // as many as are drawn at once

}  // namespace spikelet::SPIKELET_LEVEL
