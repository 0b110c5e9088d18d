// Fused steps of neurons against a loop over single neurons, for any number of threads.
#include <doctest/doctest.h>

#include <vector>

#include "spikelet/train/neuron.hpp"
#include "support/values.hpp"

namespace test_train_neuron {

using namespace spikelet;
using namespace spikelet::train;

namespace {

// A cell with soft reset and atan, and all that it needs to run.
template <class R>
struct Scene {
  std::size_t steps, size;
  R leak = R(0.8), threshold = R(0.7);
  std::vector<R> x, by_spikes;
  std::vector<R> spikes, charged, by_x;
  Cell<R> cell;

  Scene(std::size_t t, std::size_t n)
      : steps(t),
        size(n),
        x(test::values<R>(t * n, 1, -0.2, 1.0)),
        by_spikes(test::values<R>(t * n, 2, -1, 1)),
        spikes(t * n),
        charged(t * n),
        by_x(t * n) {
    cell.gain = R(0.6);
    cell.leak = {&leak, 1, 1};
    cell.threshold = {&threshold, 1, 1};
  }

  void run(int threads, bool again, R* by_leak = nullptr) {
    Forward<R> there;
    there.steps = steps;
    there.size = size;
    there.x = x.data();
    there.spikes = spikes.data();
    there.charged = charged.data();
    forward(cell, there, threads);
    Backward<R> back;
    back.steps = steps;
    back.size = size;
    back.x = again || by_leak != nullptr ? x.data() : nullptr;
    back.charged = charged.data();
    back.by_spikes = by_spikes.data();
    back.by_x = by_x.data();
    back.by_parameters.leak = by_leak;
    backward(cell, back, threads);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("a loop over single neurons gives the same bits", R, float, double) {
  for (const std::size_t size : {1u, 7u, 64u, 333u}) {
    Scene<R> scene(23, size);
    scene.run(1, false);
    double by_leak = 0;
    for (std::size_t m = 0; m < size; ++m) {
      std::vector<R> before;
      R v = 0;
      for (std::size_t t = 0; t < scene.steps; ++t) {
        const std::size_t k = t * size + m;
        before.push_back(v);
        const R h = scene.leak * v + scene.cell.gain * scene.x[k];
        const bool spike = h >= scene.threshold;
        CHECK(scene.charged[k] == h);
        CHECK(scene.spikes[k] == R(spike));
        v = spike ? h - scene.threshold : h;
      }
      R carry = 0;
      for (std::size_t t = scene.steps; t-- > 0;) {
        const std::size_t k = t * size + m;
        const R w = (scene.charged[k] - scene.threshold) *
                    static_cast<R>(1.57079632679489661923 * static_cast<double>(scene.cell.alpha));
        const R slope = (scene.cell.alpha / 2) / (1 + w * w);
        const R by_h = scene.by_spikes[k] * slope + carry;
        CHECK(scene.by_x[k] == scene.cell.gain * by_h);
        carry = scene.leak * by_h;
        by_leak += static_cast<double>(by_h * before[t]);
      }
    }
    R found = 0;
    const std::vector<R> by_x = scene.by_x;
    scene.run(1, true, &found);
    CHECK(scene.by_x == by_x);
    CHECK(static_cast<double>(found) == doctest::Approx(by_leak).epsilon(1e-4));
  }
}

TEST_CASE_TEMPLATE("neither threads nor stored intermediates change any bit", R, float, double) {
  Scene<R> scene(40, 70'000);
  R by_leak = 0;
  scene.run(1, false);
  const std::vector<R> by_x = scene.by_x;
  scene.run(1, true, &by_leak);
  CHECK(scene.by_x == by_x);
  for (const int threads : {2, 3}) {
    R again = 0;
    scene.run(threads, true, &again);
    CHECK(scene.by_x == by_x);
    CHECK(again == by_leak);
  }
}

}  // namespace test_train_neuron
