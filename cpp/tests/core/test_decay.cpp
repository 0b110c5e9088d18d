#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "spikelet/core/decay.hpp"

namespace test_core_decay {

using namespace spikelet;

TEST_CASE_TEMPLATE("the decay of k steps is exp(-k dt / tau)", R, float, double) {
  const double dt = 0.1, tau = 20;
  const Decay<R> decay(dt, tau);
  CHECK(decay(0) == R(1));
  for (const Step k : {1, 2, 100, 1023, 1024, 1025, 2047, 2048, 5000, 10000}) {
    CAPTURE(k);
    const double x = static_cast<double>(k) * dt / tau;
    // The product of two rounded factors, of arguments with a relative error of their own.
    const double limit = 2 * static_cast<double>(std::numeric_limits<R>::epsilon()) + x * 0x1p-52;
    CHECK(std::abs(static_cast<double>(decay(k)) / std::exp(-x) - 1) < limit);
  }
}

TEST_CASE_TEMPLATE("it falls until the type underflows, and is 0 from there on", R, float, double) {
  for (const double tau : {0.5, 20.0, 100.0}) {
    CAPTURE(tau);
    const double dt = 0.1;
    const Decay<R> decay(dt, tau);
    R last = 2;
    int wrong = 0;
    for (Step k = 0; k < 2000000; k += 37) {
      const R now = decay(k);
      const double exact = std::exp(-static_cast<double>(k) * dt / tau);
      const bool normal = exact > 2 * static_cast<double>(std::numeric_limits<R>::min());
      wrong += now > last || (normal && now == 0) ? 1 : 0;
      last = now;
    }
    CHECK(wrong == 0);
    CHECK(last == 0);
    CHECK(decay(Step{1} << 40) == 0);
  }
}

TEST_CASE("a time constant of zero steps decays at once") {
  CHECK(Decay<double>(0.1, 1e-9)(1) == 0);
  CHECK(Decay<double>(0.1, 1e-9)(0) == 1);
}

TEST_CASE_TEMPLATE("long time constants keep far pairs", R, float, double) {
  for (const double tau : {1e4, 1e5, 1e7}) {
    const double dt = 0.1;
    const Decay<R> decay(dt, tau);
    for (const Step k : {Step{1} << 20, (Step{1} << 22) - 1, Step{1} << 22, Step{3} << 21}) {
      CAPTURE(tau);
      CAPTURE(k);
      const double exact = std::exp(-static_cast<double>(k) * dt / tau);
      CHECK(static_cast<double>(decay(k)) == doctest::Approx(exact).epsilon(1e-6).scale(exact));
    }
  }
}

}  // namespace test_core_decay
