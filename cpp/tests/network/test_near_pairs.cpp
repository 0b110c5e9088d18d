#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "spikelet/network/distribution.hpp"
#include "spikelet/network/near_pairs.hpp"

namespace test_network_near_pairs {

using namespace spikelet;

namespace {

// n points in a box, with ids from `first` on.
PointSet points(std::size_t n, std::size_t dimensions, std::uint32_t first, std::uint32_t number) {
  const Stream stream(5, Purpose::values, number);
  PointSet made;
  for (std::size_t i = 0; i < n; ++i) {
    made.ids.push_back(first + static_cast<std::uint32_t>(i));
  }
  for (std::size_t i = 0; i < n * dimensions; ++i) {
    made.coordinates.push_back(2 * uniform(stream.at(static_cast<std::uint32_t>(i), 0)[0]) - 1);
  }
  return made;
}

double distance_of(const PointSet& a, std::size_t i, const PointSet& b, std::size_t j,
                   const std::vector<double>& extent) {
  double square = 0;
  for (std::size_t k = 0; k < extent.size(); ++k) {
    double step = b.coordinates[k * b.ids.size() + j] - a.coordinates[k * a.ids.size() + i];
    step -= extent[k] > 0 ? extent[k] * std::rint(step / extent[k]) : 0.0;
    square += step * step;
  }
  return std::sqrt(square);
}

}  // namespace

TEST_CASE("near pairs are those of a comparison of all with all, in order") {
  for (const std::size_t dimensions : {1u, 2u, 3u}) {
    const PointSet around = points(130, dimensions, 10, 1), near = points(170, dimensions, 0, 2);
    for (const double wrap : {0.0, 0.7}) {
      std::vector<double> extent(dimensions, 0.0);
      extent[0] = wrap;
      for (const double outer : {0.02, 0.2, 0.5, 3.0, std::numeric_limits<double>::infinity()}) {
        const PairLimits limits{
            .inner = 0.01, .outer = outer, .low = {}, .high = {}, .same = false};
        const NearPairs search(around, near, extent, limits, false);
        std::vector<std::uint32_t> from, to;
        std::vector<double> distances;
        for (std::size_t i = 3; i < 128; ++i) {
          for (std::size_t j = 0; j < near.ids.size(); ++j) {
            const double d = distance_of(around, i, near, j, extent);
            if (d >= 0.01 && d <= outer && around.ids[i] != near.ids[j]) {
              from.push_back(around.ids[i]);
              to.push_back(near.ids[j]);
              distances.push_back(d);
            }
          }
        }
        for (const int threads : {1, 3}) {
          const Pairs found = search.of(3, 128, false, threads);
          CHECK(found.around == from);
          CHECK(found.near == to);
          CHECK(found.distance == distances);
          CHECK(found.displacement[0].empty());
        }
      }
    }
  }
}

TEST_CASE("displacements have the direction of the synapse, and limits of their own") {
  const PointSet a = points(40, 2, 0, 1), b = points(50, 2, 0, 2);
  const std::vector<double> none(2, 0.0);
  const PairLimits box{.low = {-0.1, -0.5}, .high = {0.6, 0.0}};
  const Pairs out = NearPairs(a, b, none, box, false).of(0, 40, true, 1);
  const Pairs in = NearPairs(b, a, none, box, true).of(0, 50, true, 1);  // the same synapses
  REQUIRE(out.near.size() > 100);
  CHECK(in.near.size() == out.near.size());
  for (std::size_t n = 0; n < out.near.size(); ++n) {
    const std::size_t i = out.around[n], j = out.near[n];
    CHECK(out.displacement[0][n] == b.coordinates[j] - a.coordinates[i]);
    CHECK(out.displacement[1][n] == b.coordinates[50 + j] - a.coordinates[40 + i]);
    CHECK((out.displacement[0][n] >= -0.1 && out.displacement[0][n] <= 0.6));
    CHECK((out.displacement[1][n] >= -0.5 && out.displacement[1][n] <= 0.0));
  }
  const double sum = std::accumulate(in.displacement[0].begin(), in.displacement[0].end(), 0.0);
  CHECK(sum == doctest::Approx(
                   std::accumulate(out.displacement[0].begin(), out.displacement[0].end(), 0.0)));
}

TEST_CASE("empty ends have no pairs") {
  const std::vector<double> none(2, 0.0);
  PairLimits limits;
  limits.outer = 0.5;
  const PointSet some = points(5, 2, 0, 1), empty;
  CHECK(NearPairs(some, empty, none, limits, false).of(0, 5, true, 2).near.empty());
  CHECK(NearPairs(empty, some, none, limits, false).of(0, 0, true, 2).near.empty());
}

TEST_CASE("points may coincide, and lie very far from each other") {
  PointSet same;
  same.ids = {0, 1, 2};
  same.coordinates = {0.5, 0.5, 0.5, 1e308, -1e308, 1e308};
  const std::vector<double> none(2, 0.0);
  for (const double outer : {0.0, 1e-300, 1.0, 1e308}) {
    PairLimits limits;
    limits.outer = outer;
    const Pairs found = NearPairs(same, same, none, limits, false).of(0, 3, true, 1);
    CHECK(found.near == std::vector<std::uint32_t>{0, 2, 1, 0, 2});
  }
  CHECK(NearPairs(same, same, none, {}, false).of(0, 3, true, 1).near.size() == 9);
}

TEST_CASE("a tiny reach finds coinciding points, those at the greatest coordinate, too") {
  PointSet some;
  for (std::uint32_t i = 0; i < 200; ++i) {
    some.ids.push_back(i);
    some.coordinates.push_back(0.1 * (i % 5));
  }
  PairLimits limits;
  limits.outer = 1e-20;
  const std::vector<double> none(1, 0.0);
  CHECK(NearPairs(some, some, none, limits, false).of(0, 200, false, 2).near.size() == 200 * 40);
}

TEST_CASE("pairs are drawn by their own random numbers") {
  const Stream stream(3, Purpose::connect, 1);
  std::vector<std::uint32_t> i, j;
  std::vector<double> chance;
  for (std::uint32_t n = 0; n < 40000; ++n) {
    i.push_back(n / 200);
    j.push_back(n % 200);
    chance.push_back(n % 3 == 0 ? 0.0 : n % 3 == 1 ? 0.25 : 1.0);
  }
  const std::vector<double> u = pair_uniforms(stream, i, j);
  const Drawn drawn = draw_by_chance(stream, i, j, chance, 3);
  std::size_t at = 0;
  for (std::size_t n = 0; n < u.size(); ++n) {
    if (u[n] < chance[n]) {
      REQUIRE(at < drawn.near.size());
      CHECK(drawn.around[at] == i[n]);
      CHECK(drawn.near[at++] == j[n]);
    }
  }
  CHECK(at == drawn.near.size());
}

TEST_CASE("degrees are drawn in proportion to weights, for each point by itself") {
  const Stream stream(3, Purpose::connect, 1);
  const std::uint32_t n = 20000;
  std::vector<std::uint32_t> points, around, near;
  std::vector<double> weight;
  for (std::uint32_t point = 0; point < n; ++point) {
    points.push_back(point);
    for (std::uint32_t k = 0; k < 4; ++k) {
      around.push_back(point);
      near.push_back(k);
      weight.push_back(k);  // the first one never
    }
  }
  for (const bool multapses : {true, false}) {
    const auto draw = [&](std::size_t number, int threads) {
      return draw_degrees(stream, points, around, near, weight, number, multapses, threads);
    };
    const Degrees one = draw(1, 2);
    REQUIRE(!one.few);
    CHECK(one.drawn.around == points);
    std::uint32_t counts[4] = {};
    for (const std::uint32_t id : one.drawn.near) {
      ++counts[id];
    }
    CHECK(counts[0] == 0);
    for (std::uint32_t k = 1; k < 4; ++k) {
      CHECK(counts[k] == doctest::Approx(n * k / 6.0).epsilon(0.05));
    }
    CHECK(draw(3, 1).drawn.near == draw(3, 3).drawn.near);
    CHECK(draw(0, 1).drawn.near.empty());
    CHECK(!draw(0, 1).few);
    const Degrees four = draw(4, 2);
    CHECK(four.few.has_value() == !multapses);
    if (four.few) {
      CHECK(four.few->point == 0);
      CHECK(four.few->candidates == 3);
    }
  }
  const std::vector<std::uint32_t> alone{7, 9};
  const Degrees none =
      draw_degrees(stream, alone, std::vector<std::uint32_t>{7}, std::vector<std::uint32_t>{1},
                   std::vector<double>{1.0}, 1, true, 1);
  REQUIRE(none.few.has_value());
  CHECK(none.few->point == 9);
  CHECK(none.few->candidates == 0);
}

}  // namespace test_network_near_pairs
