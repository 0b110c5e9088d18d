// The facts that determine the layout of a plastic projection. Each is a number whose minimum over
// all processes holds for the whole projection.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "spikelet/network/synapses.hpp"

namespace spikelet {

class TableFacts {
 public:
  // From the synapses onto the elements of `own` in a population of `n`.
  template <class R>
  TableFacts(const SynapseTable<R>& table, Range own, std::size_t n) {
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    least.fill(most);
    least[no_plus] = least[no_minus] = least[full] = 1;
    if (table.size() > 0) {  // an empty table may still have one weight and one delay
      for (const R w : table.weight) {
        least[std::signbit(w) ? no_minus : no_plus] = 0;
      }
      for (const std::uint16_t d : table.delay) {
        least[shortest] = std::min<std::int64_t>(least[shortest], d);
        least[longest] = std::min<std::int64_t>(least[longest], -d);
      }
      least[by_delay] = synapses_by_delay(table);
    }
    const std::size_t width =
        std::min<std::size_t>(own.end, n) - std::min<std::size_t>(own.begin, n);
    if (width == 0) {
      return;
    }
    std::int64_t begin = 0, end = 0;
    bool is_full = table.size() > 0;
    table.row.for_each([&](std::uint32_t i, std::uint64_t first, std::uint64_t last) {
      if (!is_full) {
        return;
      }
      const auto at = static_cast<std::int64_t>(i);
      is_full = last - first == width && (end == 0 || end == at);
      begin = end == 0 ? at : begin;
      end = at + 1;
      for (std::uint64_t k = 0; is_full && k < width; ++k) {
        is_full = table.post[first + k] == own.begin + k;
      }
    });
    least[full] = is_full ? 1 : 0;
    least[first_row] = begin;
    least[last_first_row] = -begin;
    least[end_row] = end;
    least[last_end_row] = -end;
  }

  bool up() const { return least[no_plus] == 0; }  // some weight is >= 0
  bool down() const { return least[no_minus] == 0; }
  bool one_delay() const { return !(least[shortest] < -least[longest]); }
  std::uint16_t delay() const {  // the one delay, or 0
    return one_delay() && least[longest] < 0 ? static_cast<std::uint16_t>(least[shortest]) : 0;
  }
  std::uint16_t longest_delay() const {
    return static_cast<std::uint16_t>(least[longest] < 0 ? -least[longest] : 1);
  }
  // Whether sources have few synapses for each of their delays. At 62, rows by source are faster
  // than rows by source and delay, at 250 they are slower.
  bool few_by_delay() const { return least[by_delay] < 128; }
  // Whether the sources that have synapses are contiguous, and each has one onto every target.
  bool full_rows() const {
    return least[full] == 1 && least[end_row] > 0 && least[first_row] == -least[last_first_row] &&
           least[end_row] == -least[last_end_row];
  }

  enum Index {
    no_plus,
    no_minus,
    shortest,
    longest,
    full,
    first_row,
    last_first_row,
    end_row,
    last_end_row,
    by_delay,
    count
  };
  std::array<std::int64_t, count> least;

 private:
  // How many a source has of each delay, if all delays are equally frequent.
  template <class R>
  static std::int64_t synapses_by_delay(const SynapseTable<R>& table) {
    std::vector<bool> found(std::size_t{max_delay} + 1);
    std::size_t delays = 0;
    for (const std::uint16_t d : table.delay) {
      delays += found[d] ? 0 : 1;
      found[d] = true;
    }
    return static_cast<std::int64_t>(table.size() /
                                     std::max<std::size_t>(delays * table.row.rows().size(), 1));
  }
};

}  // namespace spikelet
