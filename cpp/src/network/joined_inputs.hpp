// The inputs of networks that run as one: each goes on to act on the elements of its own network,
// with its own random numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/injector.hpp"

namespace spikelet {

// Where an input acts in the joined population, and when it does so next.
template <class R>
struct InputPart {
  Injector<R>* input;
  std::uint32_t first;       // element that is its element 0
  std::uint32_t begin, end;  // its own elements
  Window window{never.end, never.end};

  bool acts(Step step) {
    if (step >= window.end) [[unlikely]] {
      window = input->window(step);
    }
    return window.begin <= step;
  }
  // Calls f(begin, end) with those of its elements that lie within [from, to) of the population.
  template <class F>
  void within(std::size_t from, std::size_t to, F&& f) const {
    const std::size_t own_begin = first + begin, own_end = first + end;
    if (own_begin < to && own_end > from) {
      f(std::max(own_begin, from) - first, std::min(own_end, to) - first);
    }
  }
};

// Inputs that act by apply().
template <class R>
class JoinedInput final : public Injector<R> {
 public:
  JoinedInput(std::size_t n, Act act) : Injector<R>(Targets(n, own_range(0, n, 0, 1)), act) {
    this->last(0, Window{}.end);
  }
  void add(Injector<R>& input, std::uint32_t first, std::uint32_t padded) {
    parts_.push_back({&input, first, 0, padded});
  }
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override {
    for (InputPart<R>& part : parts_) {
      if (!part.acts(step)) {
        continue;
      }
      part.within(begin, end, [&](std::size_t from, std::size_t to) {
        InjectionTarget<R> own = target;
        for (R*& channel : own.input) {
          channel = channel == nullptr ? nullptr : channel + part.first;
        }
        own.external += part.first;
        part.input->apply(step, from, to, own);
      });
    }
  }

 private:
  std::vector<InputPart<R>> parts_;
};

// Inputs that the neurons' own step would draw.
template <class R>
class JoinedDraws final : public Injector<R> {
 public:
  JoinedDraws(std::size_t n, Act act) : Injector<R>(Targets(n, own_range(0, n, 0, 1)), act) {
    this->last(0, Window{}.end);
  }
  void add(Injector<R>& input, std::uint32_t first) {
    std::vector<PoissonDrive<R>> drives;
    for (const TargetRun& run : input.targets().runs()) {
      drives.clear();
      input.drives(run, drives);
      for (const PoissonDrive<R>& drive : drives) {
        parts_.emplace_back(InputPart<R>{&input, first, run.begin, run.end}, drive);
      }
    }
  }
  // Prefetches what a step reads, in stages 2 to 4.
  void fetch(int stage) const {
    if (stage == 2) {
      fetch_object(*this);
    } else if (stage == 3) {
      fetch_values(parts_);
    } else if (stage == 4) {
      for (const auto& [part, drive] : parts_) {
        fetch_object(*drive.table);
        fetch_line(drive.stream);
        fetch_line(drive.tie);
        fetch_line(drive.weight);
      }
    }
  }
  void apply(Step step, std::size_t begin, std::size_t end,
             const InjectionTarget<R>& target) override {
    due_.clear();
    for (auto& [part, drive] : parts_) {
      if (!part.acts(step)) {
        continue;
      }
      R* input = target.input[static_cast<std::size_t>(drive.channel)] + part.first;
      part.within(begin, end, [&](std::size_t from, std::size_t to) {
        due_.push_back({&drive, from, to, input});
      });
    }
    kernels().poisson_parts<R>()(due_, step);
  }

 private:
  std::vector<std::pair<InputPart<R>, PoissonDrive<R>>> parts_;
  std::vector<PoissonPart<R>> due_;  // in this step
};

}  // namespace spikelet
