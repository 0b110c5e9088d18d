// Rates of Poisson processes that change with time. To draw from one: draw events at the largest
// rate, and keep each with the probability rate / largest rate (Lewis and Shedler 1979), which is
// exact and costs in proportion to the events.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/core/sine.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/network/change_points.hpp"
#include "spikelet/network/targets.hpp"

namespace spikelet {

class Rates {
 public:
  // one: all elements have the same rate; else each has its own, by place.
  explicit Rates(bool one) : one_(one) {}
  Rates(const Rates&) = delete;
  Rates& operator=(const Rates&) = delete;
  virtual ~Rates() = default;

  bool one() const { return one_; }
  // The largest number of events that a step brings on average.
  std::span<const double> most() const { return most_; }
  // The first window after a step outside of which there are none.
  virtual Window window(Step step) const = 0;
  // The average number of events in a step of the window.
  double mean(Step step, std::size_t place) const { return at(step, one() ? 0 : place); }
  // How many of `events`, drawn at most(), remain. Each step and element has its own random
  // numbers.
  int thin(int events, const Stream& stream, std::uint32_t element, Step step,
           std::size_t place) const;

  // Events of elements, at most of one block.
  struct Events {
    std::size_t size = 0;
    std::array<std::uint64_t, block_size> element;
    std::array<std::size_t, block_size> place;
    std::array<int, block_size> count;

    bool full() const { return size == block_size; }
    void add(std::uint64_t of, std::size_t at, int events) {
      element[size] = of;
      place[size] = at;
      count[size++] = events;
    }
  };
  // Leaves of each count what remains.
  void thin(Events& events, const Stream& stream, Step step) const;

 protected:
  virtual double at(Step step, std::size_t place) const = 0;
  // at() of several places, at most of one block.
  virtual void means_at(Step step, std::span<const std::size_t> places, double* means) const {
    std::ranges::transform(places, means, [&](std::size_t place) { return at(step, place); });
  }
  std::vector<double> most_;

 private:
  bool one_;
};

// Values of all targets: one, or one for each.
using ByTarget = std::span<const double>;

// max(0, rate + amplitude sin(2 pi frequency t + phase)) at the end of each step of a window, t
// from 0 on; 0 outside.
class SineRates final : public Rates {
 public:
  // rate, amplitude, frequency [Hz], phase [degrees]; dt [ms]
  SineRates(const Targets& targets, ByTarget rate, ByTarget amplitude, ByTarget frequency,
            ByTarget phase, double dt, Window window = {});
  Window window(Step step) const override;

 private:
  double at(Step step, std::size_t place) const override;
  void means_at(Step step, std::span<const std::size_t> places, double* means) const override;

  std::vector<double> rate_;  // events a step
  std::vector<Sine> sine_;
  Window window_;
};

// Row k of `rates` [rows, columns] from step starts[k] on; before the first there are none.
class SteppedRates final : public Rates {
 public:
  // rates [Hz]; columns: 1 (the same for all) or one for each target
  SteppedRates(const Targets& targets, std::vector<Step> starts, std::span<const double> rates,
               std::size_t columns, double dt);
  Window window(Step step) const override { return changes_.window(step); }

 private:
  double at(Step step, std::size_t place) const override {
    return rates_[changes_.row(step) * most_.size() + place];
  }

  std::vector<double> rates_;  // events a step
  ChangePoints changes_;
};

}  // namespace spikelet
