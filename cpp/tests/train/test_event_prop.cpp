#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/train/event_prop.hpp"

namespace test_train_event_prop {

namespace {

using namespace spikelet;
using namespace spikelet::train;
using Doubles = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
const EventLif usual{20, 5, 1, 60};

// Uniform numbers in [low, high).
Doubles drawn(std::size_t n, double low, double high, std::uint64_t seed) {
  const Stream stream(seed, Purpose::encode, 0);
  Doubles x(n);
  for (std::size_t j = 0; j < n; ++j) {
    x[j] = low + (high - low) * (stream.at(static_cast<std::uint32_t>(j), 0)[0] * 0x1p-32);
  }
  return x;
}

Events one_sample(const Doubles& times, const std::vector<std::int64_t>& ids) {
  return {{0, static_cast<std::int64_t>(times.size())}, times, ids};
}

// Each sample has `each` spikes in [0, 30), of elements 0 .. n - 1 in turn.
Events random_events(std::size_t samples, std::size_t each, std::size_t n, std::uint64_t seed) {
  Events events{{0}, drawn(samples * each, 0, 30, seed), {}};
  for (std::size_t b = 0; b < samples; ++b) {
    const auto begin = events.times.begin() + static_cast<std::ptrdiff_t>(b * each);
    std::sort(begin, begin + static_cast<std::ptrdiff_t>(each));
    events.offsets.push_back(static_cast<std::int64_t>((b + 1) * each));
    for (std::size_t j = 0; j < each; ++j) {
      events.ids.push_back(static_cast<std::int64_t>((j * 7 + b) % n));
    }
  }
  return events;
}

// A layer without delays and recurrence.
EventLayer plain(const Doubles& weights, std::size_t n_in, std::size_t n_out) {
  return {n_in, n_out, false, weights, {}};
}

Doubles spikes_of(const EventLif& lif, const Events& input, const Doubles& weights) {
  return event_forward(lif, input.view(), plain(weights, weights.size(), 1), 1).spikes.times;
}

// The same neuron by Runge-Kutta steps of h; the crossing by a straight line within a step.
Doubles integrated(const EventLif& lif, const Events& input, const Doubles& weights, double h) {
  Doubles spikes;
  double v = 0, i = 0, t = 0;
  const auto slope = [&](double v_, double i_) { return (i_ - v_) / lif.tau_mem; };
  const auto advance = [&](double to) {
    while (t < to) {
      const double dt = std::min(h, to - t);
      const double half = i * std::exp(-dt / 2 / lif.tau_syn),
                   end = i * std::exp(-dt / lif.tau_syn);
      const double a = slope(v, i), b = slope(v + dt / 2 * a, half),
                   c = slope(v + dt / 2 * b, half), d = slope(v + dt * c, end),
                   rise = dt / 6 * (a + 2 * b + 2 * c + d);
      if (v + rise >= lif.v_threshold) {
        const double part = dt * (lif.v_threshold - v) / rise;
        i *= std::exp(-part / lif.tau_syn);
        t += part;
        v = 0;
        spikes.push_back(t);
      } else {
        v += rise;
        i = end;
        t += dt;
      }
    }
  };
  for (std::size_t k = 0; k < input.times.size(); ++k) {
    advance(input.times[k]);
    i += weights[static_cast<std::size_t>(input.ids[k])];
  }
  advance(lif.t_max);
  return spikes;
}

// dL/dt of a loss that is linear in spike times: by neuron and how many spikes it had before, so
// that spikes of different neurons may change their order.
Doubles coefficients(const Events& spikes, std::size_t n) {
  Doubles c;
  for (std::size_t b = 0; b + 1 < spikes.offsets.size(); ++b) {
    Doubles before(n);
    for (auto j = static_cast<std::size_t>(spikes.offsets[b]);
         c.size() < static_cast<std::size_t>(spikes.offsets[b + 1]); ++j) {
      const auto id = static_cast<std::size_t>(spikes.ids[j]);
      c.push_back(std::sin(1.0 + static_cast<double>(id + b) + 2 * before[id]++));
    }
  }
  return c;
}

struct TwoLayers {
  EventLif lif;
  std::size_t n_in, n_hidden, n_out;

  double loss(const Events& input, const Doubles& w1, const Doubles& w2) const {
    const auto hidden = event_forward(lif, input.view(), plain(w1, n_in, n_hidden), 1);
    const auto out = event_forward(lif, hidden.spikes.view(), plain(w2, n_hidden, n_out), 1);
    const Doubles c = coefficients(out.spikes, n_out);
    return std::inner_product(c.begin(), c.end(), out.spikes.times.begin(), 0.0);
  }

  // dL/dw1, dL/dw2, dL/dt of the input.
  std::vector<Doubles> gradients(const Events& input, const Doubles& w1, const Doubles& w2,
                                 int threads) const {
    const auto hidden = event_forward(lif, input.view(), plain(w1, n_in, n_hidden), threads);
    const auto out = event_forward(lif, hidden.spikes.view(), plain(w2, n_hidden, n_out), threads);
    const auto g2 =
        event_backward(lif, hidden.spikes.view(), plain(w2, n_hidden, n_out), out.spikes.view(),
                       out.currents, coefficients(out.spikes, n_out), threads);
    const auto g1 = event_backward(lif, input.view(), plain(w1, n_in, n_hidden),
                                   hidden.spikes.view(), hidden.currents, g2.times, threads);
    return {g1.weights, g2.weights, g1.times};
  }
};

void check_difference(double gradient, const std::function<double(double)>& loss) {
  // Five points: rounding, not h^4, is the error. The seeds are such that meanwhile no output spike
  // passes an input spike, where its time has a kink.
  const double h = 1e-6;
  const double difference = (8 * (loss(h) - loss(-h)) - (loss(2 * h) - loss(-2 * h))) / (12 * h);
  CHECK(gradient == doctest::Approx(difference).epsilon(5e-7).scale(1));
}

// Each sample has `each` spikes in [0, 30), of elements 0 .. n - 1 in turn.
Events some_events(std::size_t samples, std::size_t each, std::size_t n) {
  Events events{{0}, {}, {}};
  for (std::size_t b = 0; b < samples; ++b) {
    for (std::size_t j = 0; j < each; ++j) {
      events.times.push_back(1 + 30.0 * static_cast<double>(j) / static_cast<double>(each) +
                             0.1 * static_cast<double>(b));
      events.ids.push_back(static_cast<std::int64_t>((j * 7 + b) % n));
    }
    events.offsets.push_back(static_cast<std::int64_t>((b + 1) * each));
  }
  return events;
}

// A layer with delays and perhaps recurrence.
struct Layer {
  std::size_t n_in, n_out;
  bool recurrent;
  Doubles weights, delays;  // [n_out, n_in], or [n_out, n_in + n_out]

  EventLayer view() const { return {n_in, n_out, recurrent, weights, delays}; }
};

// [n, a + b] of [n, a] and [n, b].
Doubles joined(const Doubles& a, const Doubles& b, std::size_t n) {
  Doubles rows;
  const auto add = [&](const Doubles& from, std::size_t o) {
    const std::size_t width = from.size() / n;
    rows.insert(rows.end(), &from[o * width], &from[o * width] + width);
  };
  for (std::size_t o = 0; o < n; ++o) {
    add(a, o);
    add(b, o);
  }
  return rows;
}

double loss(const Layer& layer, const Events& input) {
  const auto out = event_forward(usual, input.view(), layer.view(), 1);
  const Doubles c = coefficients(out.spikes, layer.n_out);
  return std::inner_product(c.begin(), c.end(), out.spikes.times.begin(), 0.0);
}

EventGradients gradients(const Layer& layer, const Events& input, int threads = 1) {
  const auto out = event_forward(usual, input.view(), layer.view(), threads);
  const Doubles c = coefficients(out.spikes, layer.n_out);
  return event_backward(usual, input.view(), layer.view(), out.spikes.view(), out.currents, c,
                        threads);
}

template <class Moved>
void check_differences(const Doubles& found, Doubles& values, Moved&& loss_of) {
  const double h = 1e-6;
  for (std::size_t k = 0; k < values.size(); ++k) {
    const double before = values[k];
    values[k] = before + h;
    const double up = loss_of();
    values[k] = before - h;
    const double down = loss_of();
    values[k] = before;
    const double expected = (up - down) / (2 * h);
    CAPTURE(k);
    CHECK(std::abs(found[k] - expected) <= 1e-6 * (1 + std::abs(expected)));
  }
}

Layer some_layer(bool recurrent) {
  Layer layer{5, 7, recurrent, drawn(35, -1, 6, 1), drawn(35, 0.1, 8, 2)};
  if (recurrent) {
    layer.weights = joined(layer.weights, drawn(49, -1.5, 1.5, 3), 7);
    layer.delays = joined(layer.delays, drawn(49, 0.1, 4, 4), 7);
  }
  return layer;
}

}  // namespace

TEST_CASE("one input spike, tau_mem = 2 tau_syn: a quadratic equation") {
  // V = w (a - a^2) with a = exp(-s / tau_mem); after the reset at s1 likewise, from I(s1).
  const EventLif lif{10, 5, 1, infinity};
  const double w = 7;
  const auto crossing = [](double i) { return -10 * std::log((1 + std::sqrt(1 - 4 / i)) / 2); };
  const double first = crossing(w), i_1 = w * std::exp(-first / 5);
  const double second = first + crossing(i_1);
  const Doubles times = spikes_of(lif, one_sample({2}, {0}), {w});
  REQUIRE(times.size() == 2);
  CHECK(times[0] == doctest::Approx(2 + first).epsilon(1e-14));
  CHECK(times[1] == doctest::Approx(2 + second).epsilon(1e-14));
  CHECK(spikes_of(lif, one_sample({2}, {0}), {4 - 1e-9}).empty());
  CHECK(spikes_of(lif, one_sample({2}, {0}), {4 + 1e-9}).size() == 1);  // from 4 on
}

TEST_CASE("crossings solve the equation of the potential, and rise there") {
  for (const double tau_syn : {5.0, 19.999999, 20.0, 20.000001, 45.0}) {
    CAPTURE(tau_syn);
    const EventLif lif{20, tau_syn, 1, infinity};
    for (const double w : {-1.0, 0.5, 1.0, 3.0, 7.0, 50.0, 1e4}) {
      const auto out = event_forward(lif, one_sample({0}, {0}).view(), plain(Doubles{w}, 1, 1), 1);
      double last = 0;
      for (std::size_t j = 0; j < out.currents.size(); ++j) {
        const double s = out.spikes.times[j] - last, i = w * std::exp(-last / tau_syn);
        const long double x = s * (1.0L / 20 - 1.0L / tau_syn);
        const long double v =
            i * std::exp(-s / 20.0L) * (s / 20.0L) * (x == 0 ? 1 : std::expm1(x) / x);
        CHECK(static_cast<double>(v) == doctest::Approx(1).epsilon(w > 1e3 ? 1e-10 : 1e-12));
        CHECK(out.currents[j] == doctest::Approx(i * std::exp(-s / tau_syn)).epsilon(1e-12));
        CHECK(out.currents[j] > 1);
        last = out.spikes.times[j];
      }
    }
  }
}

TEST_CASE("spike times match a fine integration") {
  for (const double tau_syn : {5.0, 20.0, 30.0}) {
    const EventLif lif{20, tau_syn, 1, 60};
    std::size_t found = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      CAPTURE(tau_syn);
      CAPTURE(seed);
      const Events input = random_events(1, 24, 6, seed);
      const Doubles weights = drawn(6, -2, 5, 100 + seed);
      const Doubles exact = spikes_of(lif, input, weights);
      const Doubles rough = integrated(lif, input, weights, 1e-3);
      REQUIRE(exact.size() == rough.size());
      for (std::size_t j = 0; j < exact.size(); ++j) {
        CHECK(std::abs(exact[j] - rough[j]) < 1e-5);
      }
      found += exact.size();
    }
    CHECK(found > 20);
  }
}

TEST_CASE("nearly equal time constants behave like equal ones") {
  const Events input = random_events(1, 24, 6, 3);
  const Doubles weights = drawn(6, 0, 5, 4);
  const Doubles equal = spikes_of({20, 20, 1, 60}, input, weights);
  REQUIRE(equal.size() > 2);
  for (const double nearly : {20 * (1 - 1e-15), 20 * (1 + 1e-15), 20 * (1 + 1e-12)}) {
    const Doubles other = spikes_of({20, nearly, 1, 60}, input, weights);
    REQUIRE(other.size() == equal.size());
    for (std::size_t j = 0; j < equal.size(); ++j) {
      CHECK(other[j] == doctest::Approx(equal[j]).epsilon(1e-11));
    }
  }
}

TEST_CASE("gradients match finite differences: two layers, neurons that spike often") {
  for (const auto& [tau_mem, tau_syn] : {std::pair{20.0, 5.0}, {20.0, 20.0}, {8.0, 20.0}}) {
    CAPTURE(tau_syn);
    const TwoLayers net{{tau_mem, tau_syn, 1, 60}, 5, 11, 3};  // 11: more than one group of lanes
    const Events input = random_events(3, 12, 5, 8);
    const double scale = 5 / tau_syn;
    const Doubles w1 = drawn(55, -1 * scale, 5 * scale, 1);
    const Doubles w2 = drawn(33, -0.5 * scale, 1.5 * scale, 2);
    const auto hidden = event_forward(net.lif, input.view(), plain(w1, 5, 11), 1);
    const auto out = event_forward(net.lif, hidden.spikes.view(), plain(w2, 11, 3), 1);
    CHECK(hidden.currents.size() > 2 * 33);  // on average more than two spikes per neuron
    CHECK(out.currents.size() > 2 * 9);
    const auto g = net.gradients(input, w1, w2, 1);
    for (std::size_t k = 0; k < w1.size(); k += 3) {
      check_difference(g[0][k], [&](double h) {
        Doubles w = w1;
        w[k] += h;
        return net.loss(input, w, w2);
      });
    }
    for (std::size_t k = 0; k < w2.size(); k += 2) {
      check_difference(g[1][k], [&](double h) {
        Doubles w = w2;
        w[k] += h;
        return net.loss(input, w1, w);
      });
    }
    for (std::size_t k = 0; k < input.times.size(); ++k) {
      check_difference(g[2][k], [&](double h) {
        Events moved = input;
        moved.times[k] += h;
        return net.loss(moved, w1, w2);
      });
    }
  }
}

TEST_CASE("the same bits for any number of threads, and sums over samples in order") {
  const TwoLayers net{usual, 5, 21, 3};
  const Events input = random_events(137, 10, 5, 5);  // enough work for a team
  const Doubles w1 = drawn(105, -1, 5, 1), w2 = drawn(63, -0.5, 1, 2);
  const auto one = net.gradients(input, w1, w2, 1);
  for (const int threads : {2, 3, 64}) {
    CHECK(net.gradients(input, w1, w2, threads) == one);
  }
}

TEST_CASE("no spikes, empty samples, no samples, spikes after t_max") {
  const Doubles weights(4, 8);  // [2, 2]
  const Events input{{0, 0, 2, 2, 3}, {5, 50, 1}, {0, 1, 1}};
  const EventLif lif{20, 5, 1, 40};
  const auto out = event_forward(lif, input.view(), plain(weights, 2, 2), 1);
  CHECK(out.spikes.offsets == std::vector<std::int64_t>{0, 0, 2, 2, 4});
  CHECK(out.spikes.ids == std::vector<std::int64_t>{0, 1, 0, 1});  // equal times, by id
  const Doubles given{1, 2, 3, 4};
  const auto g = event_backward(lif, input.view(), plain(weights, 2, 2), out.spikes.view(),
                                out.currents, given, 1);
  CHECK(g.times[0] == doctest::Approx(3));  // all of it moves with the only input spike
  CHECK(g.times[1] == 0);
  CHECK(g.times[2] == doctest::Approx(7));

  const Doubles weak(4, 0.1);
  const auto silent = event_forward(lif, input.view(), plain(weak, 2, 2), 1);
  CHECK(silent.spikes.offsets == std::vector<std::int64_t>(5, 0));
  const auto zero =
      event_backward(lif, input.view(), plain(weak, 2, 2), silent.spikes.view(), {}, {}, 1);
  CHECK(zero.weights == Doubles(4, 0.0));
  CHECK(zero.times == Doubles(3, 0.0));

  const Events none{{0}, {}, {}};
  CHECK(event_forward(lif, none.view(), plain(weights, 2, 2), 2).spikes.offsets.size() == 1);
}

TEST_CASE("input spikes of one time are one spike of their weights' sum") {
  const Doubles apart = spikes_of(usual, one_sample({3, 3, 3}, {0, 1, 2}), {4, 6, -2});
  CHECK(apart == spikes_of(usual, one_sample({3}, {0}), {8}));
  REQUIRE(apart.size() == 1);
}

TEST_CASE("a potential that only touches the threshold does not spike") {
  const EventLif lif{10, 5, 1, infinity};  // w = 4 touches, see the first case
  CHECK(spikes_of(lif, one_sample({0}, {0}), {4}).empty());
  const auto out =
      event_forward(lif, one_sample({0}, {0}).view(), plain(Doubles{4 + 1e-11}, 1, 1), 1);
  REQUIRE(out.currents.size() == 1);
  CHECK(out.currents[0] > 1);  // so that the gradient is finite
}

TEST_CASE("memory grows only with the number of spikes") {
  const Events input = random_events(2, 10, 5, 5);
  for (const double t_max : {60.0, 6e6}) {
    const auto out =
        event_forward({20, 5, 1, t_max}, input.view(), plain(drawn(500, 0, 4, 1), 5, 100), 1);
    CHECK(out.currents.size() == out.spikes.times.size());
    CHECK(out.currents.size() == static_cast<std::size_t>(out.spikes.offsets.back()));
    CHECK(out.currents.capacity() < 1000);
  }
}

TEST_CASE("bad input is refused") {
  const Doubles w{8, 8};
  const auto run = [&](const EventLif& lif, const Events& input, const Doubles& weights) {
    event_forward(lif, input.view(), plain(weights, 2, 1), 1);
  };
  const Events good = one_sample({1, 2}, {0, 1});
  CHECK_NOTHROW(run(usual, good, w));
  for (const EventLif& lif :
       {EventLif{-1, 5, 1, 9}, EventLif{20, 0, 1, 9}, EventLif{not_a_number, 5, 1, 9},
        EventLif{20, infinity, 1, 9}, EventLif{20, 5, 0, 9}, EventLif{20, 5, 1, not_a_number},
        EventLif{20, 5, 1, 0}}) {
    CHECK_THROWS_AS(run(lif, good, w), std::invalid_argument);
  }
  for (const Events& input : {
           one_sample({1, not_a_number}, {0, 1}),
           one_sample({1, infinity}, {0, 1}),
           one_sample({-1, 2}, {0, 1}),
           one_sample({2, 1}, {0, 1}),
           one_sample({1, 2}, {0, 2}),
           one_sample({1, 2}, {-1, 0}),
           one_sample({1, 2}, {0}),
           Events{{}, {}, {}},
           Events{{1, 2}, {1, 2}, {0, 1}},
           Events{{0, 2, 1, 2}, {1, 2}, {0, 1}},
           Events{{0, 3}, {1, 2}, {0, 1}},
       }) {
    CHECK_THROWS_AS(run(usual, input, w), std::invalid_argument);
  }
  CHECK_THROWS_AS(run(usual, good, {1, not_a_number}), std::invalid_argument);
  CHECK_THROWS_AS(run(usual, good, {1}), std::invalid_argument);
  CHECK_THROWS_AS(run(usual, good, {1e9, 1e9}), std::invalid_argument);  // endless spikes
  CHECK_THROWS_AS(event_forward(usual, good.view(), plain(w, 2, 1), 0), std::invalid_argument);
  const auto out = event_forward(usual, good.view(), plain(w, 2, 1), 1);
  CHECK_THROWS_AS(event_backward(usual, good.view(), plain(w, 2, 1), out.spikes.view(),
                                 out.currents, Doubles{}, 1),
                  std::invalid_argument);
}

TEST_CASE("delays and recurrence: gradients match finite differences") {
  for (const auto& [recurrent, delayed] : {std::pair{false, true}, {true, true}, {true, false}}) {
    CAPTURE(recurrent);
    CAPTURE(delayed);
    Layer layer = some_layer(recurrent);
    layer.delays.resize(delayed ? layer.delays.size() : 0);
    Events input = some_events(3, 12, 5);
    const auto out = event_forward(usual, input.view(), layer.view(), 1);
    CHECK(out.currents.size() > 2 * 21);  // more than two spikes of each neuron
    const auto g = gradients(layer, input);
    const auto again = [&] { return loss(layer, input); };
    CHECK(g.weights.size() == (recurrent ? 84 : 35));
    CHECK(g.delays.size() == layer.delays.size());
    check_differences(g.weights, layer.weights, again);
    check_differences(g.delays, layer.delays, again);
    check_differences(g.times, input.times, again);
  }
}

TEST_CASE("delays of 0 change nothing") {
  Layer layer = some_layer(false);
  const Events input = some_events(4, 12, 5);
  layer.delays.assign(35, 0.0);
  const auto found = event_forward(usual, input.view(), layer.view(), 1);
  const auto other = event_forward(usual, input.view(), plain(layer.weights, 5, 7), 1);
  REQUIRE(found.spikes.times.size() == other.spikes.times.size());
  CHECK(found.spikes.ids == other.spikes.ids);
  for (std::size_t j = 0; j < other.currents.size(); ++j) {
    CHECK(found.spikes.times[j] == doctest::Approx(other.spikes.times[j]).epsilon(1e-12));
    CHECK(found.currents[j] == doctest::Approx(other.currents[j]).epsilon(1e-12));
  }
}

TEST_CASE("equal delays move all spikes, and a chain of neurons adds them") {
  const Events input{{0, 1}, {2}, {0}};
  const Layer now{1, 1, false, {8}, {0}}, later{1, 1, false, {8}, {3.5}};
  const auto a = event_forward(usual, input.view(), now.view(), 1);
  const auto b = event_forward(usual, input.view(), later.view(), 1);
  REQUIRE(a.spikes.times.size() == 1);
  CHECK(b.spikes.times[0] == doctest::Approx(a.spikes.times[0] + 3.5).epsilon(1e-14));

  // 0 -> 1 -> 2, of which only 0 has input.
  const Layer chain{
      1, 3, true, {8, 0, 0, 0, 0, 8, 0, 0, 0, 0, 8, 0}, {0, 1, 1, 1, 0, 2, 1, 1, 0, 1, 5, 1}};
  const auto c = event_forward(usual, input.view(), chain.view(), 1);
  const double step = a.spikes.times[0] - 2;
  REQUIRE(c.spikes.ids == std::vector<std::int64_t>{0, 1, 2});
  CHECK(c.spikes.times[1] == doctest::Approx(2 + 2 * step + 2).epsilon(1e-13));
  CHECK(c.spikes.times[2] == doctest::Approx(2 + 3 * step + 7).epsilon(1e-13));
}

TEST_CASE("delays and recurrence: the same bits for any number of threads") {
  const Layer layer = some_layer(true);
  const Events input = some_events(137, 12, 5);
  const auto one = gradients(layer, input);
  for (const int threads : {2, 3, 64}) {
    const auto other = gradients(layer, input, threads);
    CHECK(other.weights == one.weights);
    CHECK(other.delays == one.delays);
    CHECK(other.times == one.times);
  }
}

TEST_CASE("bad delays and recurrent weights are refused") {
  const Events input = some_events(1, 4, 5);
  const auto run = [&](auto&& change) {
    Layer layer = some_layer(true);
    change(layer);
    event_forward(usual, input.view(), layer.view(), 1);
  };
  CHECK_NOTHROW(run([](Layer&) {}));
  for (const std::size_t k : {3, 17}) {  // from an input, from a neuron
    CHECK_THROWS_AS(run([&](Layer& l) { l.delays[k] = -1; }), std::invalid_argument);
    CHECK_THROWS_AS(run([&](Layer& l) { l.delays[k] = not_a_number; }), std::invalid_argument);
    CHECK_THROWS_AS(run([&](Layer& l) { l.weights[k] = not_a_number; }), std::invalid_argument);
  }
  CHECK_THROWS_WITH(run([](Layer& l) { l.delays[17] = -1; }),
                    "recurrent delays must be finite and >= 0, got -1.000000");
  CHECK_THROWS_AS(run([](Layer& l) { l.weights.pop_back(); }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { l.delays.pop_back(); }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { l.weights.clear(); }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) {
                    for (std::size_t k = 0; k < l.weights.size(); ++k) {
                      l.weights[k] = k % 12 < 5 ? l.weights[k] : 1e6;
                    }
                  }),
                  std::invalid_argument);  // never silent again
}

}  // namespace test_train_event_prop
