// The processes ("ranks") that share one network: which elements each of them owns, and how they
// communicate. The core does not depend on MPI; the creator of a Simulator provides a Communicator.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include "spikelet/core/types.hpp"

namespace spikelet {

// Every rank must make the same calls in the same order.
class Communicator {
 public:
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Gathers the words of all ranks in order of rank; all send the same number.
  virtual void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all) = 0;
  // The same where rank r sends counts[r].
  virtual void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all,
                      std::span<const std::size_t> counts) = 0;
  // Replaces each value by the least of all ranks.
  virtual void minimum(std::span<std::int64_t> values) = 0;
};

// What work() throws, or null: an error that the other ranks have to learn of.
template <class Work>
std::exception_ptr caught(Work&& work) {
  try {
    work();
    return {};
  } catch (...) {
    return std::current_exception();
  }
}

// Elements [begin, end) of a population; whole blocks, so that the last one may be partly padding.
struct Range {
  std::uint32_t begin = 0, end = 0;

  std::size_t size() const { return end - begin; }
  bool contains(std::uint32_t element) const { return element - begin < end - begin; }
  bool operator==(const Range&) const = default;
};

// The part of a population whose states, incoming synapses and recordings a rank owns. It is
// rotated by the population's number, so that the single blocks of small populations spread over
// the ranks.
inline Range own_range(std::size_t population, std::size_t n, int rank, int ranks) {
  const std::size_t blocks = round_up(n, block_size) / block_size,
                    all = static_cast<std::size_t>(ranks),
                    part = (static_cast<std::size_t>(rank) + population) % all;
  return {static_cast<std::uint32_t>(blocks * part / all * block_size),
          static_cast<std::uint32_t>(blocks * (part + 1) / all * block_size)};
}

}  // namespace spikelet
