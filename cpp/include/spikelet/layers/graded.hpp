// Functions of graded units. They work on values in the order [c][y][x], apart from activations.
// exp and its kin are those of the C library: the same at all SIMD levels and on all threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "spikelet/layers/graph.hpp"

namespace spikelet::layers {

bool uses_alpha(Function function);
bool uses_beta(Function function);

// y[p][c] = f(x[p][c]) for c < channels, with pixels `pixel` values apart. alpha and beta: one per
// channel if the function uses them.
template <class R>
void activate(Function function, const R* alpha, const R* beta, const R* x, R* y,
              std::size_t pixels, std::size_t pixel, std::size_t channels);

template <class R>
void softmax(const Softmax& what, const R* x, R* y);
template <class R>
void normalise(const Normalise& what, const R* x, R* y);
template <class R>
void local_response(const LocalResponse& what, const R* x, R* y);
template <class R>
void reduce(const Reduce& what, const R* x, R* y);

// Multiplications, divisions and evaluations of functions in one application of a graded unit or of
// weights between pixels; 0 for other nodes.
std::uint64_t products_of(const Graph& graph, std::size_t node);

}  // namespace spikelet::layers
