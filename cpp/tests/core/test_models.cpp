// The models against their closed-form solutions, in double precision.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <vector>

#include "spikelet/network/simulator.hpp"

namespace test_core_models {

namespace {

using namespace spikelet;
using Parameters = std::map<std::string_view, double>;

constexpr double dt = 0.1;

ParameterValues values(std::size_t model, Parameters changes) {
  Parameters all{{"E_L", 0},        {"V_th", 1e6},     {"V_reset", -5},   {"t_ref", 2},
                 {"theta_plus", 0}, {"tau_theta", 40}, {"tau_m", 12},     {"C_m", 250},
                 {"I_e", 0},        {"tau_syn_ex", 3}, {"tau_syn_in", 7}, {"g_L", 20},
                 {"E_ex", 70},      {"E_in", -20},     {"tau_syn", 4}};
  for (const auto& [name, value] : changes) {
    all[name] = value;
  }
  ParameterValues list;
  for (const std::string_view name : common_parameters) {
    list.push_back({all.at(name)});
  }
  for (const std::string_view name : models()[model].parameters) {
    list.push_back({all.at(name)});
  }
  return list;
}

// One neuron, one event of the given weight with stamp 5 and a delay of 10 steps.
constexpr Step arrival = 15;

struct Neuron {
  Neuron(std::string_view name, const Parameters& changes, double step = dt, bool subtract = false)
      : sim(step, 1, 1), model(find_model(name)) {
    sim.brief()->network.add_neurons(model, 1, values(model, changes), subtract);
    sim.brief()->record_spikes(0, {});
  }
  void event(double weight) {
    const std::size_t source = sim.brief()->network.add_events(1, {5}, {0});
    const std::vector<std::uint32_t> zero{0};
    const std::vector<double> w{weight};
    const std::vector<std::uint16_t> delay{10};
    sim.brief()->network.connect(source, 0,
                                 SynapseTable<double>::from_lists(1, zero, zero, w, delay),
                                 Receptor::by_sign, {});
  }
  // State after each step; index k is time k + 1.
  std::vector<double> record(std::size_t state, Step steps) {
    const std::size_t r = sim.brief()->record_state(0, state, {0}, 1);
    sim.run(steps, {});
    return sim.look()->recorded_states(r).values;
  }
  std::vector<Step> spikes() { return sim.look()->recorders.spikes[0].share()->stamps.to_vector(); }

  Simulator<double> sim;
  std::size_t model;
};

// Largest error of `got` against f(time since `start`), relative to the largest value.
template <class F>
double error(const std::vector<double>& got, Step start, F&& f) {
  double worst = 0, largest = 0;
  for (std::size_t k = 0; k < got.size(); ++k) {
    const double t = static_cast<double>(static_cast<Step>(k) + 1 - start) * dt;
    const double exact = t < 0 ? 0 : f(t);
    worst = std::max(worst, std::abs(got[k] - exact));
    largest = std::max(largest, std::abs(exact));
  }
  return worst / largest;
}

}  // namespace

TEST_CASE("V under constant current") {
  const double tau = 12, C = 250, I = 400;
  const auto leaky = [&](double t) { return I * tau / C * -std::expm1(-t / tau); };
  for (const char* name : {"LIF", "LIFDelta", "LIFAlpha", "LIFCond"}) {
    CAPTURE(name);
    Neuron neuron(name, {{"I_e", I}, {"g_L", C / tau}});
    const auto v = neuron.record(0, 5000);
    double worst = 0;
    for (std::size_t k = 0; k < v.size(); ++k) {
      worst = std::max(worst, std::abs(v[k] / leaky(static_cast<double>(k + 1) * dt) - 1));
    }
    CHECK(worst < 1e-12);
    Neuron shifted(name, {{"I_e", I}, {"g_L", C / tau}, {"E_L", -70}});
    CHECK(error(shifted.record(0, 2000), 0, [&](double t) { return leaky(t) - 70; }) < 1e-12);
  }
  Neuron integrator("IF", {{"I_e", I}});
  CHECK(error(integrator.record(0, 2000), 0, [&](double t) { return I * t / C; }) < 1e-12);
}

TEST_CASE("the response to one event, also where the time constants are equal") {
  const double C = 250, tau = 12, w = 80;
  for (const double ts : {3.0, 12.0, 12.0 + 1e-9, 11.9, 30.0}) {
    CAPTURE(ts);
    // exp(-t/tau) times the integral of exp(-a u), or of u exp(-a u).
    const double a = 1 / ts - 1 / tau;
    const auto once = [&](double t) {
      return std::abs(a * t) < 1e-5 ? t - a * t * t / 2 : -std::expm1(-a * t) / a;
    };
    const auto twice = [&](double t) {
      return std::abs(a * t) < 1e-2 ? t * t / 2 - a * t * t * t / 3 + a * a * t * t * t * t / 8 -
                                          std::pow(a * t, 3) * t * t / 30
                                    : (-std::expm1(-a * t) - a * t * std::exp(-a * t)) / (a * a);
    };
    Neuron exponential("LIF", {{"tau_syn_ex", ts}}), alpha("LIFAlpha", {{"tau_syn_ex", ts}});
    Neuron negative("LIF", {{"tau_syn_in", ts}});
    exponential.event(w);
    negative.event(-w);
    alpha.event(w);
    const auto psp = [&](double t) { return w / C * std::exp(-t / tau) * once(t); };
    CHECK(error(exponential.record(0, 600), arrival, psp) < 1e-9);
    CHECK(error(negative.record(0, 600), arrival, [&](double t) { return -psp(t); }) < 1e-9);
    const double e = std::exp(1.0);
    CHECK(error(alpha.record(0, 600), arrival,
                [&](double t) { return w * e / ts / C * std::exp(-t / tau) * twice(t); }) < 1e-6);
  }
  Neuron delta("LIFDelta", {});
  delta.event(w);
  CHECK(error(delta.record(0, 600), arrival, [&](double t) { return w * std::exp(-t / tau); }) <
        1e-12);
}

TEST_CASE("synaptic states jump at the arrival and decay from there") {
  for (const char* name : {"LIF", "LIFCond"}) {
    for (const double w : {9.0, -9.0}) {
      Neuron neuron(name, {});
      neuron.event(w);
      const bool conductance = models()[neuron.model].conductance;
      const auto got = neuron.record(w > 0 ? 1 : 2, 300);
      const double ts = w > 0 ? 3 : 7;
      CHECK(got[arrival - 2] == 0);
      CHECK(got[arrival - 1] == (conductance ? std::abs(w) : w));
      CHECK(error(got, arrival, [&](double t) {
              return (conductance ? std::abs(w) : w) * std::exp(-t / ts);
            }) < 1e-12);
    }
  }
}

TEST_CASE("the conductance scheme has order 4") {
  std::vector<double> v;
  for (const int parts : {1, 2, 4, 256}) {
    const double step = 0.4 / parts;
    Neuron neuron("LIFCond", {{"g_L", 20}, {"I_e", 100}}, step);
    neuron.sim.brief()->network.neurons(0).set_state(1, {40});
    neuron.sim.brief()->network.neurons(0).set_state(2, {25});
    neuron.sim.run(10 * parts, {});
    v.push_back(neuron.sim.look()->network.neurons(0).state(0)[0]);
  }
  const double first = v[0] - v[3], second = v[1] - v[3], third = v[2] - v[3];
  CHECK(std::abs(third) < 1e-6);
  CHECK(std::abs(first / second - 16) < 0.4);
  CHECK(std::abs(second / third - 16) < 0.4);
}

TEST_CASE("spike times under constant current; V is held at reset for t_ref") {
  // notes/exactness.md 2.4, measured with NEST: tau 10, R I 20 mV, threshold 15 mV, t_ref 2 ms.
  Neuron neuron("LIF", {{"tau_m", 10}, {"C_m", 250}, {"I_e", 500}, {"V_th", 15}, {"V_reset", 0}});
  const auto v = neuron.record(0, 500);
  CHECK(neuron.spikes() == std::vector<Step>{139, 298, 457});
  for (Step k = 139; k <= 159; ++k) {
    CHECK(v[static_cast<std::size_t>(k - 1)] == 0);
  }
  CHECK(v[159] > 0);
  Neuron longer("LIF",
                {{"tau_m", 10}, {"I_e", 500}, {"V_th", 15}, {"V_reset", 0}, {"t_ref", 2.04}});
  longer.sim.run(500, {});
  CHECK(longer.spikes() == std::vector<Step>{139, 299, 459});
}

TEST_CASE("reaching the threshold exactly is a spike") {
  Neuron neuron("IF", {{"C_m", 1}, {"I_e", 10}, {"V_th", 3}, {"V_reset", 0}, {"t_ref", 0}}, 0.125);
  neuron.sim.run(6, {});  // V = 1.25, 2.5, 3.75
  CHECK(neuron.spikes() == std::vector<Step>{3, 6});
  Neuron exact("IF", {{"C_m", 1}, {"I_e", 8}, {"V_th", 3}, {"V_reset", 0}, {"t_ref", 0}}, 0.125);
  exact.sim.run(6, {});
  CHECK(exact.spikes() == std::vector<Step>{3, 6});
}

TEST_CASE("reset by subtraction keeps what is above the threshold") {
  Neuron neuron("IF", {{"C_m", 1}, {"I_e", 10}, {"V_th", 3}, {"V_reset", 0}, {"t_ref", 0}}, 0.125,
                true);
  const auto v = neuron.record(0, 5);
  CHECK(v == std::vector<double>{1.25, 2.5, 0.75, 2.0, 0.25});
  CHECK(neuron.spikes() == std::vector<Step>{3, 5});
}

TEST_CASE("theta rises with each spike, decays, and lifts the threshold") {
  Neuron neuron(
      "IF", {{"C_m", 1}, {"I_e", 10}, {"V_th", 1}, {"V_reset", 0}, {"t_ref", 0}, {"theta_plus", 2}},
      0.125);
  const std::size_t theta = neuron.sim.look()->network.neurons(0).state_count() - 1;
  const auto got = neuron.record(theta, 40);
  std::vector<double> expected;
  std::vector<Step> spikes;
  double v = 0, lift = 0;
  const double decay = std::exp(-0.125 / 40);
  for (Step k = 1; k <= 40; ++k) {
    v += 1.25;
    lift *= decay;
    if (v >= 1 + lift) {
      spikes.push_back(k);
      v = 0;
      lift += 2;
    }
    expected.push_back(lift);
  }
  CHECK(neuron.spikes() == spikes);
  for (std::size_t k = 0; k < expected.size(); ++k) {
    CHECK(got[k] == doctest::Approx(expected[k]).epsilon(1e-13));
  }
}

TEST_CASE("of the common parameters, a model's own coefficients depend on E_L only") {
  for (std::size_t model = 0; model < models().size(); ++model) {
    const auto coefficients = [&](const Parameters& changes) {
      std::vector<double> p, c(max_coefficients);
      for (const auto& value : values(model, changes)) {
        p.push_back(value[0]);
      }
      models()[model].lower(dt, p.data(), c.data());
      return c;
    };
    const auto expected = coefficients({});
    for (const std::string_view name : common_parameters) {
      if (name != "E_L") {
        CHECK(coefficients({{name, 12.5}}) == expected);
      }
    }
  }
}

}  // namespace test_core_models
