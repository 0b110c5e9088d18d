#include <doctest/doctest.h>

#include <algorithm>

#include "network/replay_store.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_replay_store {

using namespace plastic_test;

namespace {

std::vector<Case> both_forms() {
  return {Case{PlasticLayout::queued}, Case{PlasticLayout::history}};
}

}  // namespace

// Targets' spikes are settled whenever there are too many, which must not show.
TEST_CASE_TEMPLATE("stores that replay spikes forget those that are settled", R, float, double) {
  const Trains trains = random_trains(0.002, 0.5);  // some 43 000 spikes of targets
  for (const Case& what : both_forms()) {
    CAPTURE(layout_name(what.layout));
    Driver<R> driver(what, trains), settling(what, trains);
    for (Step now = 60; now <= steps - 1; now += 60) {
      driver.run(now);
      settling.run(now);
      settling.store->settle(now);
    }
    CHECK(settling.store->posts().size() < driver.store->posts().size());
    CHECK(driver.store->posts().size() < 20'000);
    CHECK(settling.weights() == driver.weights());
    CHECK(settling.input == driver.input);
    const auto [of_weights, of_input] = errors(driver);
    CHECK(of_weights < (sizeof(R) == 4 ? 1e-3 : 1e-11));
    CHECK(of_input < (sizeof(R) == 4 ? 2e-3 : 1e-11));
  }
}

// Weights are scaled as they are now, whoever asks for it.
TEST_CASE("stores that replay spikes add up and scale weights") {
  const Trains trains = random_trains(0.03, 0.03);
  for (const Case& what : both_forms()) {
    CAPTURE(layout_name(what.layout));
    Driver<double> driver(what, trains);
    driver.run(700);
    driver.store->finish(700);
    std::vector<double> sums(slice_end - slice_begin), expected(sums.size());
    driver.store->add_weights(sums);
    driver.for_each(
        [&](auto, std::uint32_t j, auto, double w, auto) { expected[j - slice_begin] += w; });
    for (std::size_t j = 0; j < sums.size(); ++j) {
      CHECK(sums[j] == doctest::Approx(expected[j]));
    }
    const std::vector<double> before = driver.weights();
    std::vector<double> factors(sums.size(), 0.5);
    driver.store->scale_weights(factors);
    const std::vector<double> after = driver.weights();
    for (std::size_t k = 0; k < after.size(); ++k) {
      CHECK(after[k] == doctest::Approx(0.5 * before[k]));
    }
  }
}

}  // namespace test_network_replay_store
