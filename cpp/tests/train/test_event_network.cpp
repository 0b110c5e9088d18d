#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/train/event_network.hpp"

namespace {

using namespace spikelet;
using namespace spikelet::train;
using Doubles = std::vector<double>;

const EventLif usual{20, 5, 1, 60};

Doubles drawn(std::size_t n, double low, double high, std::uint64_t seed) {
  const Stream stream(seed, Purpose::encode, 0);
  Doubles x(n);
  for (std::size_t j = 0; j < n; ++j) {
    x[j] = low + (high - low) * (stream.at(static_cast<std::uint32_t>(j), 0)[0] * 0x1p-32);
  }
  return x;
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

struct Layer {
  std::size_t n_in, n_out;
  Doubles weights, delays, recurrent, recurrent_delays;

  EventNetwork net() const {
    return {n_in, n_out, {weights, delays}, {recurrent, recurrent_delays}};
  }
};

// By neuron and how many spikes it had before, so that spikes of different neurons may change their
// order.
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

double loss(const Layer& layer, const Events& input) {
  const auto out = event_forward(usual, input.view(), layer.net(), 1);
  const Doubles c = coefficients(out.spikes, layer.n_out);
  return std::inner_product(c.begin(), c.end(), out.spikes.times.begin(), 0.0);
}

EventNetworkGradients gradients(const Layer& layer, const Events& input, int threads = 1) {
  const auto out = event_forward(usual, input.view(), layer.net(), threads);
  const Doubles c = coefficients(out.spikes, layer.n_out);
  return event_backward(usual, input.view(), layer.net(), out.spikes.view(), out.currents, c,
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
  Layer layer{5, 7, drawn(35, -1, 6, 1), drawn(35, 0.1, 8, 2), {}, {}};
  if (recurrent) {
    layer.recurrent = drawn(49, -1.5, 1.5, 3);
    layer.recurrent_delays = drawn(49, 0.1, 4, 4);
  }
  return layer;
}

}  // namespace

TEST_CASE("event network: gradients of weights, delays and times match finite differences") {
  for (const bool recurrent : {false, true}) {
    CAPTURE(recurrent);
    Layer layer = some_layer(recurrent);
    Events input = some_events(3, 12, 5);
    const auto out = event_forward(usual, input.view(), layer.net(), 1);
    CHECK(out.currents.size() > 2 * 21);  // more than two spikes of each neuron
    const auto g = gradients(layer, input);
    const auto again = [&] { return loss(layer, input); };
    check_differences(g.weights, layer.weights, again);
    check_differences(g.delays, layer.delays, again);
    check_differences(g.recurrent_weights, layer.recurrent, again);
    check_differences(g.recurrent_delays, layer.recurrent_delays, again);
    check_differences(g.times, input.times, again);
    CHECK(g.recurrent_weights.size() == (recurrent ? 49 : 0));
  }
}

TEST_CASE("event network: without delays it is the plain layer") {
  Layer layer = some_layer(false);
  const Events input = some_events(4, 12, 5);
  layer.delays.assign(35, 0.0);
  const auto found = event_forward(usual, input.view(), layer.net(), 1);
  const auto plain = event_forward(usual, input.view(), layer.weights, 5, 7, 1);
  REQUIRE(found.spikes.times.size() == plain.spikes.times.size());
  CHECK(found.spikes.ids == plain.spikes.ids);
  for (std::size_t j = 0; j < plain.currents.size(); ++j) {
    CHECK(found.spikes.times[j] == doctest::Approx(plain.spikes.times[j]).epsilon(1e-12));
    CHECK(found.currents[j] == doctest::Approx(plain.currents[j]).epsilon(1e-12));
  }
}

TEST_CASE("event network: equal delays move all spikes, and a chain of neurons adds them") {
  const Events input{{0, 1}, {2}, {0}};
  const Layer now{1, 1, {8}, {0}, {}, {}}, later{1, 1, {8}, {3.5}, {}, {}};
  const auto a = event_forward(usual, input.view(), now.net(), 1);
  const auto b = event_forward(usual, input.view(), later.net(), 1);
  REQUIRE(a.spikes.times.size() == 1);
  CHECK(b.spikes.times[0] == doctest::Approx(a.spikes.times[0] + 3.5).epsilon(1e-14));

  // 0 -> 1 -> 2, of which only 0 has input.
  Layer chain{1, 3, {8, 0, 0}, {0, 0, 0}, Doubles(9), Doubles(9, 1)};
  chain.recurrent[3] = chain.recurrent[7] = 8;
  chain.recurrent_delays[3] = 2;
  chain.recurrent_delays[7] = 5;
  const auto c = event_forward(usual, input.view(), chain.net(), 1);
  const double step = a.spikes.times[0] - 2;
  REQUIRE(c.spikes.ids == std::vector<std::int64_t>{0, 1, 2});
  CHECK(c.spikes.times[1] == doctest::Approx(2 + 2 * step + 2).epsilon(1e-13));
  CHECK(c.spikes.times[2] == doctest::Approx(2 + 3 * step + 7).epsilon(1e-13));
}

TEST_CASE("event network: the same bits for any number of threads") {
  const Layer layer = some_layer(true);
  const Events input = some_events(137, 12, 5);
  const auto one = gradients(layer, input);
  for (const int threads : {2, 3, 64}) {
    const auto other = gradients(layer, input, threads);
    CHECK(other.weights == one.weights);
    CHECK(other.delays == one.delays);
    CHECK(other.recurrent_weights == one.recurrent_weights);
    CHECK(other.recurrent_delays == one.recurrent_delays);
    CHECK(other.times == one.times);
  }
}

TEST_CASE("event network: bad input is refused") {
  const Events input = some_events(1, 4, 5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto run = [&](auto&& change) {
    Layer layer = some_layer(true);
    change(layer);
    event_forward(usual, input.view(), layer.net(), 1);
  };
  CHECK_NOTHROW(run([](Layer&) {}));
  CHECK_THROWS_AS(run([](Layer& l) { l.delays[3] = -1; }), std::invalid_argument);
  CHECK_THROWS_AS(run([&](Layer& l) { l.delays[3] = nan; }), std::invalid_argument);
  CHECK_THROWS_AS(run([&](Layer& l) { l.weights[3] = nan; }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { l.recurrent_delays[3] = -1; }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { l.recurrent.pop_back(); }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { l.delays.pop_back(); }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { l.weights.clear(); }), std::invalid_argument);
  CHECK_THROWS_AS(run([](Layer& l) { std::ranges::fill(l.recurrent, 1e6); }),
                  std::invalid_argument);  // never silent again
}
