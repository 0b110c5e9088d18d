#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/train/recurrent.hpp"

namespace test_train_recurrent {

using namespace spikelet::train;

TEST_CASE("recurrent neurons receive the spikes of the previous step") {
  // Two neurons: the first is driven once and wakes the second a step later.
  const std::vector<double> weights{0, 0, 1.5, 0}, x{2, 0, 0, 0, 0, 0};
  double leak = 1, threshold = 1;
  Cell<double> cell;
  cell.leak = {&leak, 1, 1};
  cell.threshold = {&threshold, 1, 1};
  cell.reset = Reset::value;
  std::vector<double> spikes(6), input(6);
  Forward<double> run;
  run.steps = 3;
  run.size = 2;
  run.x = x.data();
  run.spikes = spikes.data();
  RecurrentForward<double> recurrent;
  recurrent.samples = 1;
  recurrent.neurons = 2;
  recurrent.weights = weights.data();
  recurrent.input = input.data();
  forward(cell, recurrent, run, 1);
  CHECK(spikes == std::vector<double>{1, 0, 0, 1, 0, 0});
  CHECK(input == std::vector<double>{2, 0, 0, 1.5, 0, 0});
}

namespace {

using Values = std::vector<float>;

struct Gradients {
  Values spikes, by_x, by_weights;
};

// Random neurons over 40 steps, the samples first .. first + samples of 21.
Gradients random_run(std::size_t neurons, std::size_t first, std::size_t samples, int threads) {
  constexpr std::size_t steps = 40, all = 21;
  const auto value = [](std::size_t k) {
    return static_cast<float>((k * 2654435761U) >> 7 & 1023U) / 512 - 1;
  };
  const std::size_t size = samples * neurons;
  float leak = 0.9F, threshold = 1;
  Cell<float> cell;
  cell.leak = {&leak, 1, 1};
  cell.threshold = {&threshold, 1, 1};
  Values weights(neurons * neurons), x(steps * size), input(x.size());
  for (std::size_t k = 0; k < weights.size(); ++k) {
    weights[k] = 0.2F * value(k);
  }
  for (std::size_t t = 0; t < steps; ++t) {
    for (std::size_t k = 0; k < size; ++k) {
      x[t * size + k] = value((t * all + first) * neurons + k + 7);
    }
  }
  Gradients out{Values(x.size()), Values(x.size()), Values(weights.size())};
  Forward<float> run;
  run.steps = steps;
  run.size = size;
  run.x = x.data();
  run.spikes = out.spikes.data();
  RecurrentForward<float> recurrent;
  recurrent.samples = samples;
  recurrent.neurons = neurons;
  recurrent.weights = weights.data();
  recurrent.input = input.data();
  forward(cell, recurrent, run, threads);
  Backward<float> back;
  back.steps = steps;
  back.size = size;
  back.x = input.data();
  back.by_spikes = x.data();
  back.by_x = out.by_x.data();
  RecurrentBackward<float> by;
  by.samples = samples;
  by.neurons = neurons;
  by.weights = weights.data();
  by.spikes = out.spikes.data();
  by.by_weights = out.by_weights.data();
  backward(cell, by, back, threads);
  return out;
}

}  // namespace

TEST_CASE("gradients of recurrent neurons depend neither on threads nor on the other samples") {
  for (const std::size_t neurons : {1U, 7U, 33U, 150U}) {
    const Gradients all = random_run(neurons, 0, 21, 1);
    CHECK(std::count(all.spikes.begin(), all.spikes.end(), 1.0F) > 0);
    for (const int threads : {2, 3, 8}) {
      const Gradients same = random_run(neurons, 0, 21, threads);
      CHECK(same.by_x == all.by_x);
      CHECK(same.by_weights == all.by_weights);
    }
    for (std::size_t samples = 1, first = 0; first + samples <= 21; first += samples++) {
      const Gradients some = random_run(neurons, first, samples, 2);
      for (std::size_t t = 0; t < 40; ++t) {
        const auto from =
            all.by_x.begin() + static_cast<std::ptrdiff_t>((t * 21 + first) * neurons);
        const auto here = some.by_x.begin() + static_cast<std::ptrdiff_t>(t * samples * neurons);
        CHECK(std::equal(here, here + static_cast<std::ptrdiff_t>(samples * neurons), from));
      }
    }
  }
}

TEST_CASE("gradients of recurrent weights are sums over the spikes of the step before") {
  const std::size_t neurons = 70, samples = 9;
  const Gradients run = random_run(neurons, 0, samples, 2);
  Values expected(neurons * neurons);
  for (std::size_t k = neurons * samples; k < run.by_x.size(); ++k) {
    const std::size_t sample = k / neurons * neurons;
    for (std::size_t from = 0; from < neurons; ++from) {
      expected[k % neurons * neurons + from] +=
          run.by_x[k] * run.spikes[sample - samples * neurons + from];
    }
  }
  CHECK(run.by_weights == expected);
}

}  // namespace test_train_recurrent
