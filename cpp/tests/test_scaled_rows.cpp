// Short-term plasticity: the closed form against fine steps, and what the store sends.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/plasticity/tsodyks_markram.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

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

TEST_CASE("pass and release are the differential equations") {
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

TEST_CASE_TEMPLATE("each spike sends its fraction of the weight, after each delay", R, float,
                   double) {
  const std::vector<std::uint32_t> pre{0, 0, 1, 1}, post{0, 1, 1, 70};
  const std::vector<R> weight{R(2), R(-3), R(5), R(7)};
  const std::vector<std::uint16_t> delay{1, 4, 4, 2};
  const auto table = SynapseTable<R>::from_lists(2, pre, post, weight, delay);
  Feed<R> feed;
  feed.table = &table;
  feed.post_end = 128;
  const std::vector<double> p{0.4, 15, 8, 1};
  const auto store = make_plastic_store<R>(
      PlasticLayout::scaled_rows, feed, {find_plasticity("TsodyksMarkram"), p}, dt, 8, -1, nullptr);
  // Stamps of both sources, which share nothing.
  const std::vector<std::vector<Step>> stamps{{1, 2, 30, 30, 200}, {3, 100, 101, 203}};
  constexpr Step end = 210;
  std::vector<std::vector<double>> expected(2 * 128, std::vector<double>(end + 8));
  for (std::size_t i = 0; i < 2; ++i) {
    const TsodyksMarkram rule(p.data());
    TsodyksMarkram::State state;
    Step last = 0;
    for (const Step stamp : stamps[i]) {
      rule.pass(state, static_cast<double>(stamp - last) * dt);
      const double share = rule.release(state);
      last = stamp;
      for (std::size_t k = 2 * i; k < 2 * i + 2; ++k) {
        const std::size_t channel = weight[k] < 0 ? 1 : 0;
        expected[channel * 128 + post[k]][static_cast<std::size_t>(stamp + delay[k] - 1)] +=
            share * static_cast<double>(weight[k]);
      }
    }
  }
  double error = 0;
  for (Step now = 0; now < end; ++now) {
    std::vector<R> input(2 * 128);
    store->deliver(now, {input.data(), input.data() + 128, nullptr}, false);
    for (std::size_t k = 0; k < input.size(); ++k) {
      error = std::max(error, std::abs(static_cast<double>(input[k]) -
                                       expected[k][static_cast<std::size_t>(now)]));
    }
    if (now == 31) {
      store->finish(31 + 1);  // changes when events are made, not what arrives
    }
    for (Gid i = 0; i < 2; ++i) {
      for (const Step stamp : stamps[i]) {
        if (stamp == now + 1) {
          store->enqueue(i, stamp, stamp);
        }
      }
    }
  }
  CHECK(error < (sizeof(R) == 4 ? 1e-6 : 1e-14));
}
