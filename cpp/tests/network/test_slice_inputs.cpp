#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "spikelet/network/given_currents.hpp"
#include "spikelet/network/slice_inputs.hpp"
#include "support/inputs.hpp"

namespace test_network_slice_inputs {

namespace {

using namespace spikelet;
using Values = std::vector<double>;

// Inputs onto 1280 neurons.
struct Some {
  std::vector<std::unique_ptr<Injector<double>>> kept;
  std::vector<Injector<double>*> list;

  Injector<double>* add(std::unique_ptr<Injector<double>> input) {
    list.push_back(input.get());
    return kept.emplace_back(std::move(input)).get();
  }
  static InputSite site(const std::vector<std::uint32_t>& elements) {
    return inputs::site(1280, "LIF", std::span<const std::uint32_t>(elements));
  }
  Injector<double>* poisson(const std::vector<std::uint32_t>& elements, double rate = 10) {
    return add(
        std::make_unique<PoissonInput<double>>(site(elements), Values{rate}, false, Values{1.0}));
  }
  Injector<double>* current(const std::vector<std::uint32_t>& elements, std::size_t steps,
                            Step start) {
    return add(
        std::make_unique<CurrentInput<double>>(site(elements), Values(steps, 1.0), 1, start));
  }
};

}  // namespace

TEST_CASE("a slice without inputs is one segment") {
  SliceInputs<double> slice;
  slice.bind({}, 64, 640, 0);
  REQUIRE(slice.at(0).size() == 1);
  CHECK(slice.at(0)[0].begin == 64);
  CHECK(slice.at(0)[0].end == 640);
  CHECK(!slice.at(0)[0].external);
}

TEST_CASE("an input acts on the segments that hold its targets") {
  Some some;
  some.poisson({70});
  Injector<double>* current = some.current({650, 65}, 10, 0);
  SliceInputs<double> slice;
  slice.bind(some.list, 0, 1280, 0);
  const auto& segments = slice.at(0);
  REQUIRE(segments.size() == 5);
  CHECK(segments[0].drives.empty());
  CHECK(segments[1].begin == 64);
  CHECK(segments[1].end == 128);
  CHECK(segments[1].drives.size() == 1);
  CHECK(segments[1].before == std::vector<Injector<double>*>{current});
  CHECK(segments[1].external);
  CHECK(segments[2].before.empty());
  CHECK(!segments[2].external);
  CHECK(segments[3].begin == 640);
  CHECK(segments[3].external);
  CHECK(segments[3].drives.empty());
  slice.bind(some.list, 128, 640, 0);  // without targets
  CHECK(slice.at(0).size() == 1);
}

TEST_CASE("inputs begin and end within a run, and what is over is not visited again") {
  Some some;
  some.current({5}, 10, 20);
  some.current({5}, 10, 0);
  some.poisson({5}, 0);  // never
  SliceInputs<double> slice;
  slice.bind(some.list, 0, 1280, 0);
  const auto active = [&](Step step) { return slice.at(step)[0].before.size(); };
  CHECK(active(0) == 1);
  CHECK(active(9) == 1);
  CHECK(active(10) == 0);
  CHECK(slice.at(10).size() == 1);
  CHECK(active(19) == 0);
  CHECK(active(20) == 1);
  CHECK(active(29) == 1);
  CHECK(slice.at(30).size() == 1);
  CHECK(active(30) == 0);
  slice.bind(some.list, 0, 1280, 5);  // after a reset
  CHECK(active(5) == 1);
}

TEST_CASE("an input costs nothing while its current or rate is 0, and after it has ended") {
  const std::vector<Step> starts{5, 8, 20, 22};
  const Values rows{1, 0, 1, 0};
  const std::vector<std::uint32_t> part{5, 700};
  Some some;
  const InputSite site = Some::site(part);
  some.add(std::make_unique<StepCurrent<double>>(site, starts, rows, 1));
  some.add(std::make_unique<PoissonInput<double>>(
      site, std::make_unique<SteppedRates>(site.targets, starts, rows, 1, 0.1), Values{1.0}));
  some.add(std::make_unique<PoissonInput<double>>(  // it begins later than its rates
      site, std::make_unique<SteppedRates>(site.targets, starts, rows, 1, 0.1), Values{1.0},
      Receptor::by_sign, 7));
  SliceInputs<double> slice;
  slice.bind(some.list, 0, 1280, 0);
  for (Step step = 0; step < 40; ++step) {
    CAPTURE(step);
    const auto& segments = slice.at(step);
    const bool acts = (step >= 5 && step < 8) || (step >= 20 && step < 22);
    CHECK(segments.size() == (acts ? 4 : 1));
    CHECK(segments[0].external == acts);
    CHECK(segments[0].before.size() == (acts ? 1 : 0));
    CHECK(segments[0].after.size() == (acts ? (step >= 7 ? 2 : 1) : 0));
    CHECK(segments[0].drives.empty());
  }
}

}  // namespace test_network_slice_inputs
