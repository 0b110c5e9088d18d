#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "spikelet/network/given_currents.hpp"
#include "support/inputs.hpp"

namespace test_network_given_currents {

namespace {

using namespace spikelet;
using inputs::site;
using Values = std::vector<double>;

Values step(Injector<double>& injector, Step step, std::size_t n) {
  Values current(round_up(n, block_size));
  injector.apply(step, 0, current.size(), {{}, current.data()});
  return current;
}

}  // namespace

TEST_CASE("StepCurrent: each amplitude acts from its step on, and zeros do not") {
  StepCurrent<double> one(site(3), {5, 8, 20}, Values{10, 0, 30}, 1);
  CHECK(one.act() == Act::current);
  CHECK(one.window(0).begin == 5);
  CHECK(one.window(0).end == 8);
  CHECK(one.window(8).begin == 20);
  CHECK(step(one, 5, 3)[2] == 10);
  CHECK(step(one, 7, 3)[0] == 10);
  CHECK(step(one, 1000, 3)[1] == 30);
  CHECK(step(one, 1000, 3)[3] == 0);  // padding
  const std::vector<std::uint32_t> part{70, 2};
  StepCurrent<double> each(site(100, "LIF", std::span<const std::uint32_t>(part)), {0, 4},
                           Values{1, 2, 3, 4}, 2);
  CHECK(step(each, 0, 100)[70] == 1);
  CHECK(step(each, 4, 100)[2] == 4);
  CHECK(step(each, 4, 100)[3] == 0);
}

TEST_CASE("SineCurrent: the value at the start of the step") {
  SineCurrent<double> one(site(2), Values{50}, Values{7}, Values{40}, Values{90}, 3);
  CHECK(one.window(0).begin == 3);
  CHECK(step(one, 0, 2)[1] == doctest::Approx(57).epsilon(1e-14));
  CHECK(step(one, 125, 2)[0] == doctest::Approx(-43).epsilon(1e-14));  // half a period
  SineCurrent<double> each(site(2), Values{1, 2}, Values{0}, Values{10, 20}, Values{0, 30}, 0);
  const auto at = [](double hz, double degrees, int n) {
    return std::sin(2 * M_PI * hz * 1e-4 * n + degrees * M_PI / 180);
  };
  CHECK(step(each, 777, 2)[0] == doctest::Approx(at(10, 0, 777)).epsilon(1e-12));
  CHECK(step(each, 777, 2)[1] == doctest::Approx(2 * at(20, 30, 777)).epsilon(1e-12));
  CHECK(SineCurrent<double>(site(2), Values{0}, Values{0}, Values{5}, Values{0}, 0).window(0).end <=
        0);
}

}  // namespace test_network_given_currents
