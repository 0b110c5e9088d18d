// Inputs of networks, and of a population without one.
#pragma once

#include <memory>
#include <vector>

#include "spikelet/network/simulator.hpp"

namespace inputs {

using namespace spikelet;

// What an input onto n neurons of a model is made for, on a process that is alone.
inline InputSite site(std::size_t n, const char* model = "LIF",
                      std::optional<std::span<const std::uint32_t>> elements = {}) {
  return {Targets(n, own_range(0, n, 0, 1), elements),
          models()[find_model(model)],
          0.1,
          1,
          {2, 3},
          false};
}

template <class R>
std::uint32_t poisson(Simulator<R>& sim, std::size_t population, double rate, double weight) {
  return sim.brief()->network.inject(population, {}, [&](const InputSite& at) {
    return std::make_unique<PoissonInput<R>>(at, std::span(&rate, 1), false, std::span(&weight, 1));
  });
}

template <class R>
std::uint32_t noise(Simulator<R>& sim, std::size_t population, double mean, double std,
                    Step every) {
  return sim.brief()->network.inject(population, {}, [&](const InputSite& at) {
    return std::make_unique<NoiseInput<R>>(at, std::span(&mean, 1), std::span(&std, 1), every, 0);
  });
}

template <class R>
std::uint32_t current(Simulator<R>& sim, std::size_t population, std::vector<R> values,
                      Step start) {
  return sim.brief()->network.inject(population, {}, [&](const InputSite& at) {
    return std::make_unique<CurrentInput<R>>(at, std::span<const R>(values), 1, start);
  });
}

}  // namespace inputs
