// The interface between the two kernel sources of the core. Neuron models have their own source, so
// that an edited model recompiles nothing else.

namespace spikelet::SPIKELET_LEVEL {

// neurons/kernels.cpp
template <class R>
const StepFunctions<R>& step_functions(std::size_t model);

// kernels.cpp: input[i] += weight * (Poisson count of element i) for whole blocks [begin, end).
template <class R>
void poisson_range(const PoissonTable& table, const Stream& stream, const Stream& tie, Step step,
                   std::size_t begin, std::size_t end, const R* weight, std::size_t weight_mask,
                   R* input);

inline constexpr int blocks_together = vector_bytes / 16;  // as many as it draws at once

}  // namespace spikelet::SPIKELET_LEVEL
