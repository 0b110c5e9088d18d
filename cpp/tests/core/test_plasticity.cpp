// The loops of every plasticity rule give the bits of the baseline at every SIMD level, for any
// length of a row, and those of the baseline are the rule applied synapse by synapse.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/event_rule.hpp"
#include "spikelet/core/kernels.hpp"
#include "support/values.hpp"

namespace test_core_plasticity {

namespace {

using namespace spikelet;
using test::same_bits;
using test::values;

// A value for each parameter, by its name, so that a new rule needs no entry here.
std::vector<double> parameters_of(const PlasticityInfo& rule) {
  static const std::map<std::string_view, double> known{
      {"w_min", 0},   {"w_max", 1},    {"b", 0},         {"alpha", 0.6},
      {"tau_n", 200}, {"tau_c", 1000}, {"mu_plus", 0.4}, {"mu_minus", 0.7}};
  constexpr std::array taus{20.0, 30.0, 100.0, 120.0}, amplitudes{0.1, 0.12, 0.3, 0.2};
  std::size_t tau = 0, amplitude = 0;
  std::vector<double> values;
  for (const std::string_view name : rule.parameters) {
    const auto found = known.find(name);
    if (name == "w_max" && rule.name == "STDP.power_law") {
      values.push_back(std::numeric_limits<double>::infinity());
    } else if (found != known.end()) {
      values.push_back(found->second);
    } else if (name.starts_with("tau")) {
      values.push_back(taus[tau++ % taus.size()]);
    } else {
      values.push_back(amplitudes[amplitude++ % amplitudes.size()]);
    }
  }
  return values;
}

template <class T>
std::vector<T> both(std::vector<T> a, const std::vector<T>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A call at the baseline, at every other level, and without vectors: call(kernels) gives all that
// was written.
template <class R, class Call>
void compare(std::size_t rule, Call&& call) {
  const auto expected = call(kernels(SimdLevel::baseline).plastic<R>(rule));
  for (const SimdLevel level : available_simd_levels()) {
    if (level != SimdLevel::baseline) {
      INFO("level ", std::string(to_string(level)));
      CHECK(same_bits(call(kernels(level).plastic<R>(rule)), expected));
    }
  }
}

// Calls f(rule, parameters, weights' lower end) for all rules with such loops.
template <class F>
void for_rules(F&& f) {
  for (std::size_t rule = 0; rule < plasticity_rules().size(); ++rule) {
    const PlasticityInfo& info = plasticity_rules()[rule];
    if (!info.short_term && info.name != EventRule::name) {
      const std::string name(info.name);
      CAPTURE(name);
      const auto parameters = parameters_of(info);
      f(rule, parameters.data(), info.keeps_sign ? -1.0 : 0.0);
    }
  }
}

constexpr std::size_t longest = 200, spare = 20;  // what is behind the row must stay

}  // namespace

TEST_CASE_TEMPLATE("dense rows", R, float, double) {
  for_rules([](std::size_t rule, const double* p, double low) {
    const bool idle = plasticity_rules()[rule].idle_depression;
    const auto weight = values<R>(longest + spare, low, 1, 1);
    auto trace = values<R>(longest + spare, 0, 3, 2);
    const auto input = values<R>(longest + spare, -5, 5, 3);
    const std::vector<std::uint8_t> active{1, 0, 1, 0};
    for (std::size_t j = 0; j < trace.size(); ++j) {  // an idle block has no trace
      trace[j] = active[j / block_size] == 0 && j < longest ? R(0) : trace[j];
    }
    for (std::size_t n = 0; n <= longest; ++n) {
      CAPTURE(n);
      const auto row = [&](const PlasticKernels<R>& loops) {
        auto w = weight, to = input;
        loops.dense_row(p, w.data(), trace.data(), active.data(), R(0.11), R(-1), to.data(), n);
        return both(w, to);
      };
      compare<R>(rule, row);
      // One synapse at a time.
      auto w = weight, to = input;
      for (std::size_t j = 0; j < n; ++j) {
        const std::uint8_t one = active[j / block_size];
        kernels(SimdLevel::baseline)
            .plastic<R>(rule)
            .dense_row(p, &w[j], &trace[j], &one, R(0.11), R(-1), &to[j], 1);
        CHECK((idle || one == 1 || w[j] == weight[j]));
      }
      const auto whole = row(kernels(SimdLevel::baseline).plastic<R>(rule));
      CHECK(same_bits(whole, both(w, to)));
    }
  });
}

TEST_CASE_TEMPLATE("dense columns", R, float, double) {
  for_rules([](std::size_t rule, const double* p, double low) {
    constexpr std::size_t stride = 3;
    const auto weight = values<R>((longest + spare) * stride, low, 1, 4);
    auto trace = values<R>(longest, 0, 3, 5);
    for (std::size_t i = 0; i < trace.size(); i += 5) {
      trace[i] = 0;
    }
    for (std::size_t n = 0; n <= longest; ++n) {
      CAPTURE(n);
      const auto column = [&](const PlasticKernels<R>& loops) {
        auto w = weight;
        loops.dense_column(p, w.data() + 1, stride, trace.data(), R(0.07), n);
        return w;
      };
      compare<R>(rule, column);
      const auto w = column(kernels(SimdLevel::baseline).plastic<R>(rule));
      for (std::size_t k = 0; k < w.size(); ++k) {  // nothing else is written
        const bool meant = k % stride == 1 && k / stride < n && trace[k / stride] != 0;
        CHECK((meant || w[k] == weight[k]));
      }
    }
  });
}

TEST_CASE_TEMPLATE("closed rows", R, float, double) {
  for_rules([](std::size_t rule, const double* p, double low) {
    if (!plasticity_rules()[rule].summable) {
      return;
    }
    constexpr std::size_t targets = 90;
    const Stream stream(97, Purpose::values, 0);
    std::vector<std::uint16_t> target;
    for (std::size_t k = 0; k < longest; ++k) {  // several synapses at one target as well
      target.push_back(static_cast<std::uint16_t>(stream.words(k, 0)[0] % targets));
    }
    const auto weight = values<R>(longest + spare, low, 1, 6);
    const auto seen = values<R>(longest + spare, 0, 1, 7);
    const auto grown = values<R>(targets, 1, 2, 8), k_minus = values<R>(targets, 0, 3, 9);
    const auto input = values<R>(targets, -5, 5, 10);
    const auto first = values<R>(targets, 1, 4, 11), second = values<R>(targets, 0, 4, 12);
    const auto last = values<R>(targets, 0, 4, 13);
    std::vector<ClosedTarget<R>> at;
    for (std::size_t j = 0; j < targets; ++j) {
      at.push_back({grown[j], k_minus[j], last[j]});
    }
    const std::array<const R*, 2> ended{first.data(), second.data()};
    const std::array<R, 3> ended_up{R(0.02), R(0.015), R(0.01)};
    for (const int n_ended : {0, 1, 2, 3}) {
      for (const bool sends : {true, false}) {
        CAPTURE(n_ended);
        CAPTURE(sends);
        for (std::size_t n = 0; n <= longest; ++n) {
          CAPTURE(n);
          const auto run = [&](const PlasticKernels<R>& loops, std::size_t piece) {
            auto w = weight, s = seen, to = input;
            for (std::size_t k = 0; k < n; k += piece) {
              loops.closed_row(
                  p, {w.data() + k, s.data() + k, target.data() + k, std::min(piece, n - k),
                      at.data(), R(0.03), R(0.11), R(-1), sends ? to.data() : nullptr, ended.data(),
                      ended_up.data(), n_ended});
            }
            return both(both(w, s), to);
          };
          const auto row = [&](const PlasticKernels<R>& loops) {
            return run(loops, n == 0 ? 1 : n);
          };
          compare<R>(rule, row);
          const auto& baseline = kernels(SimdLevel::baseline).plastic<R>(rule);
          CHECK(same_bits(row(baseline), run(baseline, 1)));
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("factors, sums and scaling", R, float, double) {
  for_rules([](std::size_t rule, const double* p, double) {
    const auto row = values<R>(longest, 0, 1, 13), factors = values<R>(longest, 0, 3, 14);
    for (const std::size_t n : {0u, 1u, 17u, 200u}) {
      compare<R>(rule, [&](const PlasticKernels<R>& loops) {
        auto scaled = row;
        loops.scale_row(scaled.data(), factors.data(), R(0.1), R(1.5), n);
        std::vector<double> sums(longest, 0.25);
        loops.add_row(row.data(), sums.data(), n);
        for (const double sum : sums) {
          scaled.push_back(static_cast<R>(sum));
        }
        for (const double trace : {0.0, 0.3, 2.0}) {
          scaled.push_back(loops.pre_factor(p, static_cast<R>(trace)));
          scaled.push_back(loops.post_factor(p, static_cast<R>(trace)));
        }
        return scaled;
      });
    }
  });
}

// One weight by the column's loop, and a vector of them by that of rows.
TEST_CASE("the power law in float32 is accurate from the smallest weights to the greatest") {
  const std::size_t rule = find_plasticity("STDP.power_law");
  for (const float mu : {0.0f, 0.01f, 0.4f, 0.9f, 1.0f, 1.3f}) {
    CAPTURE(mu);
    const double p[]{20, 30, 1, 1, 0, std::numeric_limits<double>::infinity(), mu};
    std::vector<float> weight;
    for (int k = 0; k < 149 + 60; ++k) {  // numbers that are not normal, too
      weight.push_back(std::ldexp(1.0f + 0.0173f * static_cast<float>(k % 50), k - 149));
    }
    weight.push_back(0);
    const std::size_t n = weight.size();
    std::vector<std::uint16_t> target(n);
    std::iota(target.begin(), target.end(), std::uint16_t{0});
    constexpr std::uint32_t kept = TargetSpikes<float>::kept;
    // Each target has fired once, a step ago.
    const std::vector<NewestSpikes<float>> newest(n, {9, TargetSpikes<float>::never, 1, 0});
    const std::vector<std::int32_t> stamp(n + 32, 9), before(n + 32, TargetSpikes<float>::never);
    const std::vector<float> with(n + 32, 1), with_before(n + 32, 0);
    std::vector<std::int32_t> latest((n + 1) * kept, TargetSpikes<float>::never);
    for (std::size_t j = 0; j < n; ++j) {
      latest[j * kept + kept - 1] = 9;
    }
    const std::vector<float> one(n, 1), decay(16, 1);
    Replaying<float> how{};
    how.posts.newest = newest.data();
    how.posts.column = {stamp.data(), before.data(), with.data(), with_before.data()};
    how.posts.latest = latest.data();
    how.pre_decay = how.post_decay = {decay.data(), 16, nullptr};
    how.up = 1e6f;  // so that what is added counts
    std::vector<float> row = weight, column = weight;
    ReplayedRow<float> replayed{};
    replayed.weight = row.data();
    replayed.target = target.data();
    replayed.n = n;
    replayed.to = 10;
    replayed.pre = 1;
    kernels(SimdLevel::baseline)
        .plastic<float>(rule)
        .dense_column(p, column.data(), 1, one.data(), how.up, n);
    for (std::size_t k = 0; k < n; ++k) {
      CAPTURE(weight[k]);
      const double w = static_cast<double>(weight[k]),
                   added = 1e6 * std::pow(w, static_cast<double>(mu));
      const double coarse = 1e6 * 1.5e-45;  // a power that is not normal has fewer bits
      CHECK(std::abs(static_cast<double>(column[k]) - (w + added)) < 3e-7 * (w + added) + coarse);
    }
    for (const SimdLevel level : available_simd_levels()) {
      row = weight;
      kernels(level).plastic<float>(rule).replayed_rows(p, how, {&replayed, 1});
      CHECK(row == column);
    }
  }
}

TEST_CASE("powers of the distance from the bounds in float32 are accurate, also at the bounds") {
  const std::size_t rule = find_plasticity("STDP.power");
  constexpr float low = -1, high = 3, change = 0.125f;
  for (const float mu : {0.0f, 0.01f, 0.4f, 0.9f, 1.0f, 1.3f}) {
    CAPTURE(mu);
    const double p[]{20, 30, 1, 1, low, high, mu, mu};
    std::vector<float> weight{low, high, std::nextafter(low, high), std::nextafter(high, low)};
    for (int k = 0; k < 63; ++k) {
      weight.push_back(low + (high - low) * static_cast<float>(k) / 64);
    }
    const std::size_t n = weight.size();
    const std::vector<float> one(n, 1);
    const std::vector<std::uint8_t> active(n, 1);
    std::vector<float> up = weight, down = weight, sent(n);
    const auto& scalar = kernels(SimdLevel::baseline).plastic<float>(rule);
    scalar.dense_column(p, up.data(), 1, one.data(), change, n);
    for (std::size_t k = 0; k < n; ++k) {
      scalar.dense_row(p, &down[k], one.data(), active.data(), change, 1, &sent[k], 1);
      CAPTURE(weight[k]);
      const double w = static_cast<double>(weight[k]), y = static_cast<double>(mu);
      const double raised = w + change * std::pow((high - w) / 4, y),
                   lowered = w - change * std::pow((w - low) / 4, y);
      CHECK(static_cast<double>(up[k]) ==
            doctest::Approx(std::min(raised, double{high})).epsilon(1e-6));
      CHECK(static_cast<double>(down[k]) ==
            doctest::Approx(std::max(lowered, double{low})).epsilon(1e-6));
    }
    for (const SimdLevel level : available_simd_levels()) {
      std::vector<float> row = weight;
      kernels(level).plastic<float>(rule).dense_row(p, row.data(), one.data(), active.data(),
                                                    change, 1, sent.data(), n);
      CHECK(row == down);
    }
  }
}

TEST_CASE("rules are found by name, and an unknown one is refused with a list") {
  for (std::size_t k = 0; k < plasticity_rules().size(); ++k) {
    CHECK(find_plasticity(plasticity_rules()[k].name) == k);
  }
  CHECK_THROWS_WITH_AS(find_plasticity("BCM"), doctest::Contains("TripletSTDP"),
                       std::invalid_argument);
}

}  // namespace test_core_plasticity
