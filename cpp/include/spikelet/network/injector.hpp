// Inputs that need no source population: each acts on one population, element by element, in whole
// blocks.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

// The arrays that an injector may write to, by element: the events of each channel, and the current
// of this step.
template <class R>
struct InjectionTarget {
  std::array<R*, max_channels> input;
  R* external;
};

template <class R>
class Injector {
 public:
  Injector() = default;
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;
  virtual ~Injector() = default;

  // How the neurons' own step can draw this input; a run then does not call apply().
  virtual std::optional<PoissonDrive<R>> drive() const { return {}; }
  virtual void apply(Step step, std::size_t begin, std::size_t end,
                     const InjectionTarget<R>& target) = 0;
  virtual bool is_current() const = 0;   // writes `external`, and not `input`
  virtual bool before_step() const = 0;  // otherwise it adds to states after their decay
};

// An independent Poisson train of events for each neuron, added at the end of the step. Several
// events may fall into one step.
template <class R>
class PoissonInput final : public Injector<R> {
 public:
  // rates [Hz] and weights: one for all, or one for each element. channel: where the events go.
  PoissonInput(std::size_t n, const std::vector<double>& rates, const std::vector<double>& weights,
               int channel, double dt, std::uint64_t seed, std::uint32_t object);
  std::optional<PoissonDrive<R>> drive() const override;
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;
  bool is_current() const override { return false; }
  bool before_step() const override { return channel_ == early_channel; }

 private:
  Stream stream_, tie_;
  int channel_;
  PoissonTable table_;                // one rate
  std::vector<PoissonCount> counts_;  // a rate for each
  Buffer<R> weight_;                  // 64 copies, or one per element
  std::size_t weight_mask_;
};

// A given current: row k drives step `start` + k, and after the last row there is none.
template <class R>
class CurrentInput final : public Injector<R> {
 public:
  // values: [steps, columns], row-major; columns: 1 (the same for all) or the population's size.
  CurrentInput(std::vector<R> values, std::size_t columns, std::size_t n, Step start);
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;
  bool is_current() const override { return true; }
  bool before_step() const override { return true; }

 private:
  std::vector<R> values_;
  std::size_t columns_, n_;
  Step start_;
};

// A Gaussian current, redrawn for each neuron every `every` steps and held in between.
template <class R>
class NoiseInput final : public Injector<R> {
 public:
  NoiseInput(std::size_t n, const std::vector<double>& mean, const std::vector<double>& std,
             Step every, Step start, std::uint64_t seed, std::uint32_t object);
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;
  bool is_current() const override { return true; }
  bool before_step() const override { return true; }

 private:
  Stream stream_;
  std::size_t n_;
  std::vector<double> mean_, std_;
  Buffer<R> held_;
  std::vector<Step> drawn_;  // by block: the step that held_ was drawn for, so that it is drawn
                             // again after a cut or a load
  Step every_, start_;
};

}  // namespace spikelet
