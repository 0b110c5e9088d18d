#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "spikelet/network/injector.hpp"

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

template <class R>
struct Bench {
  explicit Bench(std::size_t n)
      : padded(round_up(n, block_size)), channel(padded), current(padded) {}

  // What the injector adds to each element in one step.
  std::vector<R> step(Injector<R>& injector, Step step) {
    std::fill(channel.begin(), channel.end(), R(0));
    std::fill(current.begin(), current.end(), R(0));
    injector.apply(step, 0, padded,
                   {{channel.data(), channel.data(), channel.data()}, current.data()});
    const Buffer<R>& used = injector.is_current() ? current : channel;
    return {used.begin(), used.end()};
  }

  std::size_t padded;
  Buffer<R> channel, current;
};

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
      PoissonInput<R> input(n, rates, weights, excitatory_channel, dt, 1, 2);
      CHECK(!input.is_current());
      CHECK(!input.before_step());
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

TEST_CASE("PoissonInput: a rate of 0 adds nothing; the early channel acts before the step") {
  Bench<double> bench(10);
  PoissonInput<double> none(10, {0}, {1}, excitatory_channel, dt, 1, 2);
  CHECK(bench.step(none, 0) == std::vector<double>(64));
  CHECK(PoissonInput<double>(10, {1}, {1}, early_channel, dt, 1, 2).before_step());
}

TEST_CASE("CurrentInput: row k drives step start + k, and nothing follows the last row") {
  Bench<double> bench(3);
  CurrentInput<double> one({10, 20}, 1, 3, 5), each({1, 2, 3, 4, 5, 6}, 3, 3, 0);
  CHECK(one.is_current());
  CHECK(bench.step(one, 4)[0] == 0);
  CHECK(bench.step(one, 5)[2] == 10);
  CHECK(bench.step(one, 6)[1] == 20);
  CHECK(bench.step(one, 7)[1] == 0);
  CHECK(bench.step(each, 1)[0] == 4);
  CHECK(bench.step(each, 1)[2] == 6);
  CHECK(bench.step(each, 1)[3] == 0);  // padding
  CHECK(bench.step(each, 2)[0] == 0);
  CurrentInput<double> empty({}, 0, 3, 0);
  CHECK(bench.step(empty, 0)[0] == 0);
}

TEST_CASE("NoiseInput: redrawn every given number of steps, with the given mean and deviation") {
  constexpr std::size_t n = 200;
  constexpr Step every = 5, start = 3;
  NoiseInput<double> noise(n, {100}, {20}, every, start, 1, 2);
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
  NoiseInput<double> again(n, {100}, {20}, every, start, 1, 2);
  CHECK(bench.step(again, start + 500 * every - 1) == last);
}
