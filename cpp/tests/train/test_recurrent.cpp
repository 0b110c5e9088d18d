#include <doctest/doctest.h>

#include <vector>

#include "spikelet/train/recurrent.hpp"

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
