// Draws of 16 bits for blocks of 64 elements: Poisson counts and threshold tests. The generator is
// ARS-7 (Salmon et al., SC 2011): seven rounds of AES, which processors have instructions for, on a
// counter; the key only shifts from round to round. All implementations give the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

inline constexpr int ars_rounds = 7;

// Added to the lower and the upper half of the key before each round.
inline constexpr std::uint64_t ars_shift[2] = {0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B};

// The definition, without special instructions.
Words ars(const Words& counter, const Words& key, int rounds = ars_rounds);

// The draws of `blocks` blocks from `block` on, 64 each. The draw of element n of block b at step
// s: counter (8 b + n / 8, s, stream), with the seed as the key; of its eight draws number n mod 8.
using Draw16 = void (*)(const Stream&, std::uint32_t block, Step step, int blocks,
                        std::uint16_t* out);

// The fastest on this processor.
extern const Draw16 draw16;

// All that this processor can run, fastest last.
std::vector<Draw16> available_draw16();

}  // namespace spikelet
