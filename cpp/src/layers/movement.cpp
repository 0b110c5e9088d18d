#include "layers/movement.hpp"

#include <algorithm>

namespace spikelet::layers {

template <class R>
void to_plain(const Layout& l, const R* from, R* to) {
  const std::size_t pixels = l.height * l.width;
  for (std::size_t c = 0; c < l.channels; ++c) {
    for (std::size_t p = 0; p < pixels; ++p) {
      to[c * pixels + p] = from[p * l.pixel + c];
    }
  }
}

template <class R>
void to_stored(const Layout& l, const R* from, R* to) {
  const std::size_t pixels = l.height * l.width;
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t c = 0; c < l.channels; ++c) {
      to[p * l.pixel + c] = from[c * pixels + p];
    }
  }
}

std::vector<Move> moves_of(const Gather& gather, std::span<const Layout> inputs,
                           const Layout& output) {
  std::vector<std::size_t> ends;  // of each input in plain order
  for (const Layout& l : inputs) {
    ends.push_back((ends.empty() ? 0 : ends.back()) + l.channels * l.height * l.width);
  }
  std::vector<Move> moves;
  const std::size_t pixels = output.height * output.width;
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t c = 0; c < output.channels; ++c) {
      const std::int32_t index = gather.index[c * pixels + p];
      if (index < 0) {
        continue;
      }
      const auto plain = static_cast<std::size_t>(index);
      const auto k = static_cast<std::size_t>(std::ranges::upper_bound(ends, plain) - ends.begin());
      const std::size_t from = stored(inputs[k], plain - (k == 0 ? 0 : ends[k - 1]));
      const std::size_t to = p * output.pixel + c;
      if (!moves.empty()) {
        Move& last = moves.back();
        if (last.source == k && last.to + last.length == to && last.from + last.length == from &&
            to % output.row() != 0 && from % inputs[k].row() != 0) {
          ++last.length;
          continue;
        }
      }
      moves.push_back({static_cast<std::uint32_t>(to), static_cast<std::uint32_t>(k),
                       static_cast<std::uint32_t>(from), 1});
    }
  }
  moves.shrink_to_fit();
  return moves;
}

template <class R>
void move_values(std::span<const Move> moves, std::span<const R* const> inputs, R* out,
                 std::size_t size) {
  std::size_t done = 0;
  for (const Move& move : moves) {
    std::fill(out + done, out + move.to, R{});
    std::copy_n(inputs[move.source] + move.from, move.length, out + move.to);
    done = move.to + move.length;
  }
  std::fill(out + done, out + size, R{});
}

void copy_bits(const std::uint8_t* from, std::size_t first, std::uint8_t* to, std::size_t begin,
               std::size_t n) {
  if (n == 1) {
    to[begin / 8] |= static_cast<std::uint8_t>((from[first / 8] >> (first % 8) & 1) << (begin % 8));
    return;
  }
  while (n > 0) {
    if (first % 8 == 0 && begin % 8 == 0 && n >= 8) {
      const std::size_t bytes = n / 8;
      std::copy_n(from + first / 8, bytes, to + begin / 8);
      first += 8 * bytes;
      begin += 8 * bytes;
      n -= 8 * bytes;
      continue;
    }
    // As many bits as lie within one byte of both.
    const std::size_t some = std::min({n, 8 - first % 8, 8 - begin % 8});
    const auto bits = static_cast<unsigned>(from[first / 8] >> (first % 8)) & ((1u << some) - 1);
    to[begin / 8] |= static_cast<std::uint8_t>(bits << (begin % 8));
    first += some;
    begin += some;
    n -= some;
  }
}

#define SPIKELET_MOVEMENT(R)                            \
  template void to_plain(const Layout&, const R*, R*);  \
  template void to_stored(const Layout&, const R*, R*); \
  template void move_values(std::span<const Move>, std::span<const R* const>, R*, std::size_t);
SPIKELET_MOVEMENT(float)
SPIKELET_MOVEMENT(double)
#undef SPIKELET_MOVEMENT

}  // namespace spikelet::layers
