#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/plasticity/tsodyks_markram.hpp"

namespace test_core_plasticity_tsodyks_markram {

namespace {

using namespace spikelet;

// One step of Runge and Kutta's method for dx/dt = z / tau_rec, dy/dt = -y / tau_psc, du/dt =
// -u / tau_fac, with z = 1 - x - y.
void fine_step(const TsodyksMarkram& rule, TsodyksMarkram::State& s, double h) {
  const auto slope = [&](const TsodyksMarkram::State& v) {
    return TsodyksMarkram::State{(1 - v.x - v.y) / rule.tau_rec,
                                 rule.tau_psc > 0 ? -v.y / rule.tau_psc : 0,
                                 rule.tau_fac > 0 ? -v.u / rule.tau_fac : 0};
  };
  const auto at = [&](const TsodyksMarkram::State& k, double part) {
    return TsodyksMarkram::State{s.x + part * k.x, s.y + part * k.y, s.u + part * k.u};
  };
  const auto a = slope(s), b = slope(at(a, h / 2)), c = slope(at(b, h / 2)), d = slope(at(c, h));
  s.x += h / 6 * (a.x + 2 * b.x + 2 * c.x + d.x);
  s.y += h / 6 * (a.y + 2 * b.y + 2 * c.y + d.y);
  s.u += h / 6 * (a.u + 2 * b.u + 2 * c.u + d.u);
}

}  // namespace

TEST_CASE("pass and release solve the differential equations") {
  const std::vector<std::vector<double>> all{
      {0.5, 100, 0, 0},  {0.1, 80, 200, 0},  {0.5, 100, 0, 3}, {0.2, 30, 50, 40},
      {0.3, 20, 10, 20}, {1, 20, 0, 20.001}, {0, 20, 5, 3}};
  for (const std::vector<double>& p : all) {
    const TsodyksMarkram rule(p.data());
    TsodyksMarkram::State exact, fine;
    for (const double wait : {0.0, 0.1, 3.0, 10.0, 0.5, 150.0, 1.0, 1.0}) {
      CAPTURE(p);
      CAPTURE(wait);
      rule.pass(exact, wait);
      const int n = static_cast<int>(wait / 0.01 + 0.5);
      for (int k = 0; k < n; ++k) {
        fine_step(rule, fine, wait / n);
      }
      fine.u = rule.tau_fac > 0 ? fine.u : 0;
      const double u = fine.u + rule.U * (1 - fine.u), share = u * fine.x;
      fine.u = u;
      fine.x -= share;
      fine.y += rule.tau_psc > 0 ? share : 0;
      CHECK(std::abs(rule.release(exact) - share) < 1e-9);
      CHECK(std::abs(exact.x - fine.x) < 1e-9);
      CHECK(std::abs(exact.y - fine.y) < 1e-9);
      CHECK(std::abs(exact.u - fine.u) < 1e-9);
      CHECK(exact.x + exact.y <= 1 + 1e-12);
    }
  }
}

TEST_CASE("time constants that are almost equal act like equal ones") {
  const double equal[]{0.5, 20, 0, 20};
  for (const double off : {1e-15, 1.1e-9, 3e-9, 1e-7, 0.9e-4, 1.1e-4}) {
    for (const double sign : {-1.0, 1.0}) {
      const double near[]{0.5, 20, 0, 20 * (1 + sign * off)};
      for (const double wait : {0.1, 7.0, 60.0, 1e4, 1e9}) {
        CAPTURE(off);
        CAPTURE(wait);
        TsodyksMarkram::State a, b;
        const TsodyksMarkram limit(equal), rule(near);
        limit.release(a);
        rule.release(b);
        limit.pass(a, wait);
        rule.pass(b, wait);
        CHECK(std::abs(a.x - b.x) <= off + 3e-12 * (off > 1e-4) + 1e-15);
      }
    }
  }
}

}  // namespace test_core_plasticity_tsodyks_markram
