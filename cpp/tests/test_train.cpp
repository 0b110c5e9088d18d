// Fused steps of neurons: against a loop over single neurons, for each SIMD level and any threads.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/pool.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/train/neuron.hpp"
#include "spikelet/train/recurrent.hpp"
#include "train/kernels.hpp"

using namespace spikelet;
using namespace spikelet::train;

namespace {

template <class R>
std::vector<R> draws(std::size_t n, std::uint32_t object, double low, double high) {
  const Stream stream(1, Purpose::values, object);
  std::vector<R> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back(static_cast<R>(low + (high - low) * uniform(stream.words(i, 0)[0])));
  }
  return out;
}

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
        x(draws<R>(t * n, 1, -0.2, 1.0)),
        by_spikes(draws<R>(t * n, 2, -1, 1)),
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

TEST_CASE_TEMPLATE("threads and what is kept change no bit", R, float, double) {
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

TEST_CASE_TEMPLATE("every SIMD level gives the same bits", R, float, double) {
  constexpr std::size_t n = 101;
  const std::vector<R> x = draws<R>(n, 3, -1, 3), by = draws<R>(n, 4, -1, 1);
  const std::vector<R> leak(n + 16, R(0.9)), threshold(n + 16, R(1));
  const auto run = [&](const FusedKernels<R>& kernels, Surrogate surrogate) {
    Cell<R> cell;
    cell.surrogate = surrogate;
    cell.synapse = cell.adaptive = true;
    cell.detached = false;
    std::vector<R> v = draws<R>(n, 5, -1, 1), i = v, a = draws<R>(n, 6, 0, 1);
    const std::vector<R> v0 = v, i0 = i, a0 = a;
    std::vector<R> spikes(n), charged(n), by_x(n), by_v = by, by_i = by, by_a = by;
    const Lane<R> slow{leak.data(), 1}, one{threshold.data(), 1};
    const Lanes<R> lanes{slow, one, slow, slow, slow};
    Advance<R> there;
    there.n = n;
    there.x = x.data();
    there.spikes = spikes.data();
    there.charged = charged.data();
    there.state = {v.data(), i.data(), a.data()};
    there.lanes = lanes;
    kernels.advance_rich(cell, there);
    Retreat<R> back;
    back.n = n;
    back.charged = charged.data();
    back.by_spikes = by.data();
    back.by_x = by_x.data();
    back.by_state = {by_v.data(), by_i.data(), by_a.data()};
    back.lanes = lanes;
    back.x = x.data();
    back.before = {v0.data(), i0.data(), a0.data()};
    kernels.retreat_rich(cell, back);
    std::vector<R> all;
    for (const auto* part : {&spikes, &charged, &v, &i, &a, &by_x, &by_v, &by_i, &by_a}) {
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  };
  const auto kernels = [](SimdLevel level) -> const FusedKernels<R>& {
    if constexpr (sizeof(R) == 4) {
      return level_table(level).fused32;
    } else {
      return level_table(level).fused64;
    }
  };
  for (const Surrogate surrogate :
       {Surrogate::atan, Surrogate::sigmoid, Surrogate::fast_sigmoid, Surrogate::triangle,
        Surrogate::rectangle, Surrogate::gaussian}) {
    const std::vector<R> expected = run(kernels(SimdLevel::baseline), surrogate);
    for (const SimdLevel level : available_simd_levels()) {
      CHECK(run(kernels(level), surrogate) == expected);
    }
  }
}

TEST_CASE("recurrent neurons hear the spikes of the step before") {
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

TEST_CASE("a pool hands out what was given back, and no more than its limit lies idle") {
  Pool pool(std::size_t{1} << 20);
  void* a = pool.take(300'000);
  pool.give(a, 300'000);
  CHECK(pool.idle() >= 300'000);
  CHECK(pool.take(300'000) == a);
  CHECK(pool.idle() == 0);
  void* b = pool.take(900'000);
  pool.give(a, 300'000);
  pool.give(b, 900'000);  // above the limit: the older goes
  CHECK(pool.idle() <= std::size_t{1} << 20);
  CHECK(pool.take(900'000) == b);
  pool.give(b, 900'000);
  pool.set_limit(0);
  CHECK(pool.idle() == 0);
}
