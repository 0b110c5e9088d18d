#include <doctest/doctest.h>

#include <cmath>

#include "train/event_flow.hpp"

namespace test_train_event_flow {

using namespace spikelet::train;

TEST_CASE("event flow: the state after two stretches is that after their sum") {
  for (const double tau_syn : {5.0, 20.0, 30.0}) {
    const Flow flow({20, tau_syn, 1, 60});
    const Decay a = flow(3), b = flow(4), both = flow(7);
    const double v = 0.4, i = 2;
    const double v_a = v * a.mem + i * a.across, i_a = i * a.syn;
    CHECK(v_a * b.mem + i_a * b.across ==
          doctest::Approx(v * both.mem + i * both.across).epsilon(1e-14));
    CHECK(i_a * b.syn == doctest::Approx(i * both.syn).epsilon(1e-14));
  }
}

TEST_CASE("event flow: a crossing lies on the threshold") {
  const Flow flow({20, 5, 1, 60});
  double i = 8;
  const Decay end = flow(60);
  REQUIRE(flow.may_cross(i, i * end.across, i * end.syn));
  const double s = flow.cross(0, i, 60, i * end.across, i * end.syn);
  REQUIRE(s > 0);
  const Decay d = flow(s);
  CHECK(8 * d.across == doctest::Approx(1).epsilon(1e-12));
  CHECK(i == doctest::Approx(8 * d.syn).epsilon(1e-12));
}

TEST_CASE("event flow: adjoints go back by the transposed decay") {
  const Flow flow({20, 5, 1, 60});
  const Decay d = flow(3);
  double p_v = 0.7, p_i = -0.2;
  back(d, p_v, p_i);
  CHECK(p_v == 0.7 * d.mem);
  CHECK(p_i == -0.2 * d.syn + 0.7 * d.across);
}

}  // namespace test_train_event_flow
