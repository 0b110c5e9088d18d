#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "spikelet/events/surfaces.hpp"
#include "support/events.hpp"

namespace test_events_surfaces {

namespace {

using namespace spikelet::events;
using spikelet::test::Event;
using spikelet::test::random_events;
using spikelet::test::Recording;

const Sensor sensor{9, 5, 2};

}  // namespace

TEST_CASE("surfaces: the last event of each pixel decays") {
  const auto list = random_events(3000, 9, 5);
  const Recording recording(list);
  std::vector<std::int64_t> last;
  for (std::int64_t k = 0; k <= 3000; k += 60) {
    last.push_back(k);
  }
  const auto run = [&]<class T>(T, double stride, double tau, int threads) {
    std::vector<T> out(last.size() * sensor.cells());
    time_surface(recording.events(), sensor, {last, 30000, stride, tau}, out.data(), threads);
    return out;
  };
  for (const double stride : {1.0, 700.0, 90000.0}) {
    const double tau = 2000;
    const auto found = run(double{}, stride, tau, 1);
    const auto single = run(float{}, stride, tau, 1);
    std::vector<double> expected(sensor.cells());
    std::size_t next = 0;
    for (std::size_t i = 0; i < last.size(); ++i) {
      std::vector<double> time(sensor.cells(), -INFINITY);
      for (std::size_t k = 0; k < static_cast<std::size_t>(last[i]); ++k) {
        const Event& e = list[k];
        time[static_cast<std::size_t>((e.p * 5 + e.y) * 9 + e.x)] = static_cast<double>(e.t);
      }
      for (std::size_t k = 0; k < time.size(); ++k, ++next) {
        const double now = 30000 + static_cast<double>(i) * stride;
        const double value = std::exp(-(std::max(now - time[k], 0.0)) / tau);
        CHECK(found[next] == doctest::Approx(value).epsilon(1e-12));
        CHECK(single[next] == doctest::Approx(value).epsilon(2e-6));
      }
    }
    for (const int threads : {2, 5}) {
      CHECK(run(double{}, stride, tau, threads) == found);
      CHECK(run(float{}, stride, tau, threads) == single);
    }
  }
}

TEST_CASE("surfaces: local ones are averaged over the events of a cell") {
  const auto list = random_events(1500, 9, 5);
  const AveragedSurfaces shape{4, 3, 400, 150, false};
  const std::size_t cells = 3 * 2;
  std::vector<double> expected(cells * 2 * 9);
  std::vector<int> number(cells * 2);
  const auto group = [](const Event& e) {
    return static_cast<std::size_t>((e.y / 4 * 3 + e.x / 4) * 2 + e.p);
  };
  for (std::size_t k = 0; k < list.size(); ++k) {
    const std::size_t g = group(list[k]);
    ++number[g];
    expected[g * 9 + 4] += 1;
    for (std::size_t j = 0; j < k; ++j) {
      const int x = list[j].x - list[k].x, y = list[j].y - list[k].y;
      const auto age = static_cast<double>(list[k].t - list[j].t);
      if (group(list[j]) == g && std::abs(x) <= 1 && std::abs(y) <= 1 && age <= 400) {
        expected[g * 9 + static_cast<std::size_t>((y + 1) * 3 + x + 1)] += std::exp(-age / 150);
      }
    }
  }
  for (const int threads : {1, 3}) {
    std::vector<float> out(expected.size());
    averaged_time_surface(Recording(list).events(), sensor, shape, out.data(), threads);
    for (std::size_t k = 0; k < out.size(); ++k) {
      CHECK(out[k] == doctest::Approx(expected[k] / std::max(number[k / 9], 1)).epsilon(1e-5));
    }
  }
}

}  // namespace test_events_surfaces
