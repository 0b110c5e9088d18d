#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "spikelet/network/injector.hpp"
#include "support/inputs.hpp"

namespace test_network_injector {

namespace {

using namespace spikelet;
using Values = std::vector<double>;

constexpr double dt = 0.1;

template <class R>
struct Bench {
  explicit Bench(std::size_t n)
      : padded(round_up(n, block_size)), up(padded), down(padded), current(padded) {}

  // What the injector adds to each element in one step: events of both receptors, or a current.
  std::vector<R> step(Injector<R>& injector, Step step) {
    for (Buffer<R>* sum : {&up, &down, &current}) {
      std::fill(sum->begin(), sum->end(), R(0));
    }
    if (injector.drawn_in_step()) {
      draw(injector, step);
    } else {
      injector.apply(step, 0, padded, {{up.data(), down.data(), up.data()}, current.data()});
    }
    const Buffer<R>& used = injector.act() == Act::current ? current : up;
    return {used.begin(), used.end()};
  }

  // As the neurons' own step does.
  void draw(const Injector<R>& injector, Step step) {
    for (const TargetRun& run : injector.targets().runs()) {
      std::vector<PoissonDrive<R>> drives;
      injector.drives(run, drives);
      for (const PoissonDrive<R>& d : drives) {
        kernels().poisson<R>()(*d.table, *d.stream, *d.tie, step, run.begin, run.end, d.weight,
                               d.weight_mask,
                               d.channel == inhibitory_channel ? down.data() : up.data());
      }
    }
  }

  std::size_t padded;
  Buffer<R> up, down, current;
};

using inputs::site;

InputSite part(std::size_t n, const std::vector<std::uint32_t>& elements) {
  return site(n, "LIF", std::span<const std::uint32_t>(elements));
}

const std::vector<std::uint32_t> scattered{700, 3, 64, 65, 899, 130};

}  // namespace

TEST_CASE_TEMPLATE("PoissonInput: one rate or one for each, one weight or one for each", R, float,
                   double) {
  constexpr std::size_t n = 100;
  constexpr int steps = 3000;
  for (const bool each_rate : {false, true}) {
    for (const bool each_weight : {false, true}) {
      CAPTURE(each_rate);
      CAPTURE(each_weight);
      std::vector<double> rates(each_rate ? n : 1), weights(each_weight ? n : 1);
      for (std::size_t i = 0; i < rates.size(); ++i) {
        rates[i] = 3000 + 1000.0 * static_cast<double>(i);  // 0.3 to 10 events per step
      }
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = 0.5 + static_cast<double>(i);
      }
      PoissonInput<R> input(site(n), rates, each_rate, weights);
      CHECK(input.act() == Act::late);
      CHECK(input.streams() == 1);
      Bench<R> bench(n);
      std::vector<double> events(n);
      int fractions = 0;
      for (Step step = 0; step < steps; ++step) {
        const auto added = bench.step(input, step);
        for (std::size_t i = 0; i < n; ++i) {
          const double count = static_cast<double>(added[i]) / weights[each_weight ? i : 0];
          fractions += std::abs(count - std::round(count)) > 1e-4 ? 1 : 0;
          events[i] += std::round(count);
        }
      }
      CHECK(fractions == 0);
      double chi = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double expected = rates[each_rate ? i : 0] * dt * 1e-3 * steps;
        chi += (events[i] - expected) * (events[i] - expected) / expected;
      }
      CHECK(std::abs(chi - n) < 4 * std::sqrt(2.0 * n));
    }
  }
}

TEST_CASE_TEMPLATE("PoissonInput: a part gets the trains that it would get in the whole", R, float,
                   double) {
  constexpr std::size_t n = 900;
  for (const bool each : {false, true}) {
    const Values rates(each ? n : 1, 2e4), of_part(each ? scattered.size() : 1, 2e4);
    const Values weights{1, -2, 3, 4, -5, 6};
    Values everyone(n, 0.5);  // of both signs, so that each receptor has its stream
    everyone[1] = -0.5;
    for (std::size_t k = 0; k < scattered.size(); ++k) {
      everyone[scattered[k]] = weights[k];
    }
    PoissonInput<R> some(part(n, scattered), of_part, each, weights);
    PoissonInput<R> all(site(n), rates, each, everyone);
    CHECK(some.streams() == 2);
    Bench<R> a(n), b(n);
    double sum = 0;
    for (Step step = 0; step < 50; ++step) {
      a.step(some, step);
      b.step(all, step);
      for (std::size_t i = 0; i < n; ++i) {
        const bool target = std::ranges::find(scattered, i) != scattered.end();
        CHECK(a.up[i] == (target ? b.up[i] : R(0)));
        CHECK(a.down[i] == (target ? b.down[i] : R(0)));
        sum += std::abs(static_cast<double>(a.down[i]));
      }
    }
    CHECK(sum > 100);
  }
}

TEST_CASE("PoissonInput: a restored one keeps the streams of its receptors") {
  constexpr std::size_t n = 64;
  const Values rate{3e4};
  Values mixed(n, -1.0);
  mixed[0] = 1;
  Bench<double> bench(n);
  PoissonInput<double> before(site(n), rate, false, mixed);
  bench.step(before, 7);
  const Buffer<double> down = bench.down;
  InputSite restored = site(n);
  restored.restored = true;
  PoissonInput<double> after(restored, rate, false, Values{-1.0});
  bench.step(after, 7);
  for (std::size_t i = 1; i < n; ++i) {
    CHECK(bench.down[i] == down[i]);
  }
}

TEST_CASE("PoissonInput: a rate of 0 never acts; delta synapses get their events before the step") {
  const Values none{0}, some{10}, weight{1};
  const PoissonInput<double> silent(site(10), none, false, weight);
  CHECK(silent.window(0).end <= 0);
  const PoissonInput<double> input(site(10, "LIFDelta"), some, false, weight);
  CHECK(input.act() == Act::early);
  CHECK(input.window(0).end == std::numeric_limits<Step>::max());
}

TEST_CASE("PoissonInput: conductances count by magnitude, and signs pick the receptor") {
  Bench<double> bench(10);
  PoissonInput<double> input(site(10, "LIFCond"), Values{5e4}, false, Values{-2.0});
  bench.step(input, 0);
  CHECK(bench.down[0] >= 2);
  CHECK(bench.up[0] == 0);
}

TEST_CASE("CurrentInput: row k drives step start + k, and it is over after the last row") {
  Bench<double> bench(3);
  const Values rows{10, 20}, six{1, 2, 3, 4, 5, 6};
  CurrentInput<double> one(site(3), rows, 1, 5), each(site(3), six, 3, 0);
  CHECK(one.act() == Act::current);
  CHECK(one.window(0).begin == 5);
  CHECK(one.window(5).end == 7);
  CHECK(bench.step(one, 5)[2] == 10);
  CHECK(bench.step(one, 6)[1] == 20);
  CHECK(bench.step(each, 1)[0] == 4);
  CHECK(bench.step(each, 1)[2] == 6);
  CHECK(bench.step(each, 1)[3] == 0);  // padding
  const CurrentInput<double> empty(site(3), {}, 0, 4);
  CHECK(empty.window(4).end <= 4);
}

TEST_CASE("CurrentInput: columns are those of the part as it was given") {
  Bench<double> bench(900);
  const Values columns{1, 2, 3, 4, 5, 6};
  CurrentInput<double> input(part(900, scattered), columns, 6, 0);
  Values expected(bench.padded);
  for (std::size_t k = 0; k < scattered.size(); ++k) {
    expected[scattered[k]] = columns[k];
  }
  CHECK(bench.step(input, 0) == expected);
}

TEST_CASE("NoiseInput: redrawn every given number of steps, with the given mean and deviation") {
  constexpr std::size_t n = 200;
  constexpr Step every = 5, start = 3;
  const Values mean{100}, deviation{20};
  NoiseInput<double> noise(site(n), mean, deviation, every, start);
  CHECK(noise.window(start).begin == start);
  Bench<double> bench(n);
  double sum = 0, squares = 0;
  int draws = 0;
  std::vector<double> last(256);
  for (Step step = start; step < start + 500 * every; ++step) {
    std::vector<double> now = bench.step(noise, step);
    if ((step - start) % every == 0) {
      for (std::size_t i = 0; i < n; ++i, ++draws) {
        sum += now[i];
        squares += (now[i] - 100) * (now[i] - 100);
      }
      CHECK(now != last);
    } else {
      CHECK(now == last);
    }
    last.swap(now);
  }
  CHECK(std::abs(sum / draws - 100) < 4 * 20 / std::sqrt(draws));
  CHECK(std::abs(std::sqrt(squares / draws) - 20) < 4 * 20 / std::sqrt(2.0 * draws));
  // A run that starts in the middle of an interval, as after a load, holds the same values.
  NoiseInput<double> again(site(n), mean, deviation, every, start);
  CHECK(bench.step(again, start + 500 * every - 1) == last);
}

TEST_CASE_TEMPLATE("NoiseInput: a part gets the noise that it would get in the whole", R, float,
                   double) {
  constexpr std::size_t n = 900;
  const Values mean{1, 2, 3, 4, 5, 6}, one{10};
  Values everyone(n);
  for (std::size_t k = 0; k < scattered.size(); ++k) {
    everyone[scattered[k]] = mean[k];
  }
  NoiseInput<R> some(part(n, scattered), mean, one, 3, 0), all(site(n), everyone, one, 3, 0);
  Bench<R> bench(n);
  for (Step step = 0; step < 20; ++step) {
    const auto a = bench.step(some, step), b = bench.step(all, step);
    for (std::size_t i = 0; i < n; ++i) {
      const bool target = std::ranges::find(scattered, i) != scattered.end();
      CHECK(a[i] == (target ? b[i] : R(0)));
    }
  }
}

}  // namespace test_network_injector
