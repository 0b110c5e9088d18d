// What queued rows keep of a weight, and where it is added when it arrives: floats in the input of
// a channel, or magnitudes of 16 bits in integer sums.
#pragma once

#include <cstddef>
#include <cstdint>

#include "network/event_lists.hpp"
#include "network/row_packing.hpp"
#include "network/static_rows.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

template <class R>
class FloatWeights {
 public:
  using Event = FloatEvent<R>;
  using Packing = PackedApart<Event>;

  // Bits for the sign in the number of a list.
  static constexpr int sign_bits() { return 0; }
  static constexpr std::uint32_t sign_of(R) { return 0; }
  static R kept(R weight) { return weight; }
  static SynapseRef<R> synapse(std::uint16_t delay, std::uint32_t target, int channel,
                               unsigned char* weight, std::uint32_t) {
    return {delay, target, reinterpret_cast<R*>(weight), channel, 0};
  }

  // Calls take(adder), whose adder(list) adds the events of that list of a step.
  template <class Take>
  void add(R* input, Take&& take) const {
    take([input](std::uint32_t list) {
      R* to = input + (std::size_t{list} << block_target_bits);
      return [to](R weight, std::uint32_t target) { to[target] += weight; };
    });
  }
};

template <class R>
class IntegerWeights {
 public:
  using Event = IntegerEvent;
  using Packing = PackedEvents<Event>;

  // both_signs: whatever the grid says.
  explicit IntegerWeights(const RowGrid& grid, bool both_signs = false)
      : grid_(grid), both_signs_(both_signs) {}

  int sign_bits() const { return both_signs_ ? 1 : 0; }
  std::uint32_t sign_of(R weight) const { return both_signs_ && weight < 0 ? 1 : 0; }
  std::uint16_t kept(R weight) const { return grid_.magnitude(static_cast<double>(weight)); }
  SynapseRef<R> synapse(std::uint16_t delay, std::uint32_t target, int channel,
                        unsigned char* magnitude, std::uint32_t sign) const {
    return SynapseRef<R>::of_16_bits(delay, target, channel, magnitude, grid_.step, negative(sign));
  }

  template <class Take>
  void add(R*, Take&& take) const {
    grid_.sums->wide != nullptr ? add_to(grid_.sums->wide, take) : add_to(grid_.sums->narrow, take);
  }

 private:
  bool negative(std::uint32_t sign) const { return both_signs_ ? sign != 0 : grid_.negative; }

  template <class Sum, class Take>
  void add_to(Sum* sums, Take&& take) const {
    take([this, sums](std::uint32_t list) {
      Sum* to = sums + (std::size_t{list >> sign_bits()} << block_target_bits);
      const Sum unit = Sum{1} << grid_.shift, factor = negative(list & 1) ? -unit : unit;
      return [to, factor](Sum weight, std::uint32_t target) { to[target] += weight * factor; };
    });
  }

  RowGrid grid_;
  bool both_signs_;
};

}  // namespace spikelet
