// Inputs that need no source population: each acts on a population, or a part of one. To add a
// kind, derive from Injector here, and bind an inject_* in bind_network.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/poisson_rates.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/core/types.hpp"
#include "spikelet/network/change_points.hpp"
#include "spikelet/network/rates.hpp"
#include "spikelet/network/targets.hpp"

namespace spikelet {

// The arrays that an injector may write to, by element: the events of each channel, and the current
// of this step.
template <class R>
struct InjectionTarget {
  std::array<R*, max_channels> input;
  R* external;
};

// What an input is made for.
struct InputSite {
  Targets targets;
  Receptors receptors;
  double dt;
  std::uint64_t seed;
  std::vector<std::uint32_t> streams;  // that it may draw from, by number; at least max_streams
  bool restored;                       // an input before it had these streams
};
inline constexpr std::size_t max_streams = 2;

// When it acts on what within a step.
enum class Act {
  current,  // before the neurons' step, on `external`
  early,    // before it, on `input`
  late,     // after it, on `input`
};

template <class R>
class Injector {
 public:
  Injector(Targets targets, Act act) : targets_(std::move(targets)), act_(act) {}
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;
  virtual ~Injector() = default;

  const Targets& targets() const { return targets_; }
  Act act() const { return act_; }
  // The first window that ends after a step, in which it acts; outside of them it costs nothing.
  virtual Window window(Step step) const { return window_.end > step ? window_ : never; }
  // It ends at this step, if not before.
  void stop_at(Step step) {
    window_.end = std::min(window_.end, step);
    window_ = window_.begin < window_.end ? window_ : never;
  }
  // Of the streams it was offered, how many it keeps.
  virtual std::size_t streams() const { return 1; }

  // Whether the neurons' own step draws this input, as drives() says, and apply() is not called.
  virtual bool drawn_in_step() const { return false; }
  virtual void drives(const TargetRun& /*run*/, std::vector<PoissonDrive<R>>& /*out*/) const {}
  // Acts on the targets within elements [begin, end), which are whole blocks.
  virtual void apply(Step step, std::size_t begin, std::size_t end,
                     const InjectionTarget<R>& target) = 0;

 protected:
  // Adds row k of given values to the current of the targets within [begin, end): one value for
  // all, or one for each target.
  void add_row(const std::vector<R>& values, std::size_t k, bool one, std::size_t begin,
               std::size_t end, R* current) const;
  void last(Step begin, Step end) { window_ = {begin, end}; }
  Step begin() const { return window_.begin; }

 private:
  Targets targets_;
  Act act_;
  Window window_;
};

// An independent Poisson train of events for each neuron, added at the end of the step. Several
// events may fall into one step.
template <class R>
class PoissonInput final : public Injector<R> {
 public:
  // rates [Hz]: one for all, or (each) one for each target; weights: one, or one for each target.
  // receptor: of all events; by default the signs of the weights pick it where the neurons have
  // two, each with a stream of its own if both occur. It acts from step `start` on.
  PoissonInput(const InputSite& site, std::span<const double> rates, bool each,
               std::span<const double> weights, Receptor receptor = Receptor::by_sign,
               Step start = 0);
  // Rates that change with time.
  PoissonInput(const InputSite& site, std::unique_ptr<const Rates> rates,
               std::span<const double> weights, Receptor receptor = Receptor::by_sign,
               Step start = 0);
  std::size_t streams() const override { return streams_; }
  Window window(Step step) const override;
  bool drawn_in_step() const override { return !changing_ && each_.empty(); }
  void drives(const TargetRun& run, std::vector<PoissonDrive<R>>& out) const override;
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;

 private:
  struct Train {  // of one receptor
    int channel;
    Stream stream, tie, thin;
    Buffer<R> weight;  // 64 copies, or one for each element of all runs
    bool one_weight;
  };

  void apply_changing(Step step, std::size_t begin, std::size_t end,
                      const InjectionTarget<R>& target) const;
  // Calls draw(drive, run, begin, end) for each train and each part of a run within [begin, end).
  template <class Draw>
  void for_each_drive(std::size_t begin, std::size_t end, Draw&& draw) const;
  void draw_each(std::span<const double> means);
  void make_trains(const InputSite& site, std::span<const double> weights, Receptor receptor);

  std::size_t streams_ = 1;
  std::vector<Train> trains_;
  std::unique_ptr<const Rates> changing_;
  PoissonTable table_;  // one rate
  PoissonRates each_;   // a rate for each element of all runs: the largest, if it changes
};

// A given current: row k drives step `start` + k, and after the last row there is none.
template <class R>
class CurrentInput final : public Injector<R> {
 public:
  // values: [steps, columns], row-major; columns: 1 (the same for all) or one for each target.
  CurrentInput(const InputSite& site, std::span<const R> values, std::size_t columns, Step start);
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;

 private:
  std::vector<R> values_;  // [steps], or [steps, places]
  bool one_;
};

// A Gaussian current, redrawn for each neuron every `every` steps and held in between.
template <class R>
class NoiseInput final : public Injector<R> {
 public:
  // mean, std: one for all, or one for each target.
  NoiseInput(const InputSite& site, std::span<const double> mean, std::span<const double> std,
             Step every, Step start);
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override;

 private:
  void draw(const TargetBlock& block, Step number);

  Stream stream_;
  std::vector<double> mean_, std_;  // one, or by place
  Buffer<R> held_;                  // by place
  std::vector<Step> drawn_;  // by block: the interval that held_ was drawn for, so that it is
                             // drawn again after a cut or a load
  Step every_;
};

}  // namespace spikelet
