// Currents that are given as a function of time: steps and sines.
#pragma once

#include <span>
#include <vector>

#include "spikelet/core/sine.hpp"
#include "spikelet/network/change_points.hpp"
#include "spikelet/network/injector.hpp"

namespace spikelet {

// Row k of `values` [rows, columns] from step starts[k] on. Rows of zeros cost nothing.
template <class R>
class StepCurrent final : public Injector<R> {
 public:
  // columns: 1 (the same for all) or one for each target
  StepCurrent(const InputSite& site, std::vector<Step> starts, std::span<const R> values,
              std::size_t columns);
  Window window(Step step) const override { return changes_.window(step); }
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;

 private:
  bool one_;
  std::vector<R> values_;  // [rows], or [rows, places]
  ChangePoints changes_;
};

// offset + amplitude sin(2 pi frequency t + phase) at the start of each step, t from 0 on; it acts
// from step `start` on.
template <class R>
class SineCurrent final : public Injector<R> {
 public:
  using ByTarget = std::span<const double>;  // one, or one for each
  // amplitude, offset [pA], frequency [Hz], phase [degrees]
  SineCurrent(const InputSite& site, ByTarget amplitude, ByTarget offset, ByTarget frequency,
              ByTarget phase, Step start);
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;

 private:
  struct Wave {
    double offset;
    Sine sine;
    R at(Step step) const { return static_cast<R>(offset + sine.at(step)); }
  };
  bool one_;
  std::vector<Wave> waves_;  // one, or by place
};

}  // namespace spikelet
