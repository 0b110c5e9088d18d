// Plastic stores of all layouts and rules, to compare with a walk over all spikes of each synapse.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "support/plastic_driver.hpp"

namespace plastic_test {

inline constexpr double infinity = std::numeric_limits<double>::infinity();

// Every rule but the modulated one, with short time constants, so that epochs end often.
inline std::vector<Case> cases_of(PlasticLayout layout) {
  const auto with = [&](const char* rule, std::vector<double> parameters,
                        Pairing pairing = Pairing::all_to_all) {
    Case c{layout};
    c.rule = rule;
    c.parameters = std::move(parameters);
    c.pairing = pairing;
    return c;
  };
  std::vector<Case> all{
      with("STDP.additive", {1.7, 3.4, 0.02, 0.012, 0, 1}),
      with("STDP.additive", {1.7, 3.4, 0.02, 0.012, -1000, 1000}),
      with("STDP.additive", {1.7, 3.4, 0.02, 0.012, 0, 1}, Pairing::nearest_symmetric),
      with("STDP.multiplicative", {1.7, 3.4, 0.05, 0.03, 0, 1}),
      with("STDP.power", {1.7, 3.4, 0.05, 0.03, 0, 1.2, 0.4, 0.7}),
      with("STDP.additive.signed", {1.7, 3.4, -0.02, -0.012, 0, 1}),
      with("STDP.additive.signed", {1.7, 3.4, 0.02, -0.012, 0, 1}, Pairing::nearest_symmetric),
      with("STDP.additive.signed", {1.7, 3.4, -0.02, 0.012, 0, 1}),
      with("STDP.power.signed", {1.7, 3.4, -0.05, -0.03, 0, 1.2, 0.4, 0.7}),
      with("STDP.power.signed", {1.7, 3.4, 0.05, -0.03, 0, 1.2, 0.4, 1}),
      with("STDP.power_law", {1.7, 3.4, 0.05, 0.03, 0, infinity, 0.4}),
      with("TripletSTDP", {1.7, 3.4, 10, 12, 0.002, 0.007, 0.006, 0.002, 0, 1}),
      with("InhibitorySTDP", {2, 0.02, 0.2, 1}),
      with("DiehlCookSTDP", {2, 3, 4, 0.01, 0.05, 0, 1}, Pairing::nearest_symmetric)};
  if (layout == PlasticLayout::closed_rows) {
    std::erase_if(all, [](const Case& c) { return !c.plasticity().info().summable; });
  } else if (mixes_delays(layout)) {
    const std::vector<double> parameters{1.7, 3.4, 0.02, 0.012, 0, 1};
    all.push_back(with("STDP.additive", parameters, Pairing::nearest_pre_centered));
    all.push_back(with("STDP.additive", parameters, Pairing::nearest_restricted));
  }
  Case negative = with("InhibitorySTDP", {2, 0.02, 0.2, 1});
  negative.low = -1;
  negative.high = 0;
  all.push_back(negative);
  return all;
}

// Largest error of a weight now and of what each target was sent.
template <class R>
std::pair<double, double> errors(Driver<R>& driver, double reward = 0) {
  double of_weights = 0, of_input = 0;
  std::vector<double> expected(driver.input.size());
  driver.for_each([&](std::uint32_t i, std::uint32_t j, Step d, R w, R initial) {
    const Trains& trains = driver.trains;
    const double start = static_cast<double>(initial);
    const double now =
        naive(driver.what, start, trains.pre[i], trains.post[j], d, driver.now, nullptr, reward);
    of_weights = std::max(of_weights, std::abs(static_cast<double>(w) - now));
    std::vector<double> sent;  // by stamps whose arrival lies within the run
    naive(driver.what, start, trains.pre[i], trains.post[j], d,
          driver.now - dendritic_part(static_cast<std::uint16_t>(d), driver.what.axonal), &sent,
          reward);
    for (const double value : sent) {
      expected[local + j - slice_begin] += value;
    }
  });
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const double error = std::abs(static_cast<double>(driver.input[k]) - expected[k]);
    of_input = std::max(of_input, error / (1 + std::abs(expected[k])));
  }
  return {of_weights, of_input};
}

template <class R>
void compare(const Case& what, const Trains& trains) {
  const double tolerance = sizeof(R) == 4 ? 1e-3 : 1e-11;
  CAPTURE(what.rule);
  CAPTURE(what.tie);
  CAPTURE(what.axonal);
  CAPTURE(what.delay);
  CAPTURE(what.early);
  const int pairing = static_cast<int>(what.pairing);
  CAPTURE(pairing);
  Driver<R> driver(what, trains);
  for (const Step now : {1, 41, 680, 1499}) {
    CAPTURE(now);
    driver.run(now);
    const auto [of_weights, of_input] = errors(driver);
    CHECK(of_weights < tolerance);
    CHECK(of_input < tolerance);
  }
  int changed = 0, all = 0;
  driver.for_each([&](auto, auto, auto, R w, R initial) {
    changed += w != initial ? 1 : 0;
    ++all;
  });
  CHECK(all > 200);
  CHECK(changed > all * 3 / 4);
}

template <class R>
void compare_all(PlasticLayout layout, bool close = false, double p_pre = 0.03, bool few = false) {
  const Trains trains = random_trains(p_pre, 0.03);
  std::size_t n = 0;
  for (Case what : cases_of(layout)) {
    for (const bool tie : {true, false}) {
      what.tie = tie;
      what.close = close;
      what.few = few;
      what.axonal = layout == PlasticLayout::queued ? 0.0 : std::array{0.0, 0.4, 1.0}[n % 3];
      ++n;
      what.delay = n % 2 == 0 ? 7 : 1;
      what.early = n % 5 == 0 && what.axonal < 0.5;
      compare<R>(what, trains);
    }
  }
}

}  // namespace plastic_test
