// Movements of values and of spikes, and the two orders of a sample: as it is stored,
// [y][x][pixel], and plain, [c][y][x].
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "layers/plan.hpp"

namespace spikelet::layers {

// Where the value of plain order is stored.
inline std::size_t stored(const Layout& l, std::size_t plain) {
  const std::size_t pixels = l.height * l.width;
  return plain % pixels * l.pixel + plain / pixels;
}

template <class R>
void to_plain(const Layout& layout, const R* from, R* to);
template <class R>
void to_stored(const Layout& layout, const R* from, R* to);

// The moves of a gather. None crosses a row of the input or of the output.
std::vector<Move> moves_of(const Gather& gather, std::span<const Layout> inputs,
                           const Layout& output);

// Values that are not moved become 0.
template <class R>
void move_values(std::span<const Move> moves, std::span<const R* const> inputs, R* out,
                 std::size_t size);

// Copies n bits from bit `first` of `from` to bit `begin` of `to`, where they were 0.
void copy_bits(const std::uint8_t* from, std::size_t first, std::uint8_t* to, std::size_t begin,
               std::size_t n);

}  // namespace spikelet::layers
