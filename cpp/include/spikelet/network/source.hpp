// Spike sources, which have no state: given spike trains and Poisson processes.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/network/rates.hpp"

namespace spikelet {

// Given spikes: (stamp, element) in order of stamp; a pair given twice counts twice.
class EventSource {
 public:
  EventSource(std::vector<Step> stamps, std::vector<std::uint32_t> elements);

  // Appends the gids of elements in [begin, end) that carry this stamp, in ascending order.
  void emit(Step stamp, std::uint32_t begin, std::uint32_t end, Gid first_gid,
            std::vector<Gid>& out) const;

  std::span<const Step> stamps() const { return stamps_; }
  std::span<const std::uint32_t> elements() const { return elements_; }

 private:
  void sort_by_stamp();

  std::vector<Step> stamps_;
  std::vector<std::uint32_t> elements_;
};

// An independent Poisson train for each element. Deciding whether there is a spike costs one 16-bit
// draw and a comparison; only then is the number of spikes drawn, which is seldom more than one.
class PoissonSource {
 public:
  PoissonSource(std::size_t n, std::uint64_t seed, std::uint32_t object);

  // Those of several networks as one, which must outlive it: each begins at a whole block.
  struct Part {
    const PoissonSource* source;
    std::uint32_t begin, end;
  };
  explicit PoissonSource(std::vector<Part> parts);

  // rates [Hz]: one for all, or one for each element.
  void set_rates(std::span<const double> rates, double dt);
  // Rates of all elements that change with time.
  void set_rates(std::unique_ptr<const Rates> rates);

  // Whole blocks [begin, end) of elements.
  void emit(Step stamp, std::uint32_t begin, std::uint32_t end, Gid first_gid,
            std::vector<Gid>& out) const;

 private:
  // mean: events in a step, by element
  template <class Mean>
  void set_means(Mean&& mean);
  // Keeps those of the gids from place `before` on that the rates of a step leave.
  void thin(Step step, Gid first_gid, std::size_t before, std::vector<Gid>& out) const;

  std::vector<Part> parts_;  // these emit, if there are any; the members below are empty then
  std::size_t n_;
  Stream stream_, tie_, count_, thin_;
  std::unique_ptr<const Rates> changing_;  // the arrays below have the largest rates
  Buffer<std::uint16_t> high_;
  Buffer<std::uint32_t> low_;
  std::vector<double> mean_, p_any_;  // events in a step, and the probability of any
  std::vector<std::uint8_t> live_;    // by block: whether some rate is not 0
};

}  // namespace spikelet
