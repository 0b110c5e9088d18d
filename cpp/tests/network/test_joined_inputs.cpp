#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "network/joined_inputs.hpp"
#include "support/inputs.hpp"

namespace test_network_joined_inputs {

using namespace spikelet;

namespace {

constexpr std::uint32_t size = 3 * block_size;  // of each of two populations
constexpr Step steps = 12;

// Adds what act(step, begin, end, target) does to two channels and to a current, in two chunks.
template <class R, class F>
std::array<std::vector<R>, 3> run(std::size_t n, F&& act) {
  std::array<std::vector<R>, 3> sums;
  sums.fill(std::vector<R>(n));
  InjectionTarget<R> target{};
  const Receptors receptors = models()[find_model("LIF")];
  const Ends ends = receptors.ends(Receptor::by_sign);
  target.input[static_cast<std::size_t>(ends.up)] = sums[0].data();
  target.input[static_cast<std::size_t>(ends.down)] = sums[1].data();
  target.external = sums[2].data();
  for (Step step = 0; step < steps; ++step) {
    act(step, std::size_t{0}, n / 2 / block_size * block_size, target);
    act(step, n / 2 / block_size * block_size, n, target);
  }
  return sums;
}

template <class R>
std::unique_ptr<PoissonInput<R>> poisson(std::uint64_t seed, Step start) {
  const std::vector<std::uint32_t> some{3, 70, 130, 131};
  InputSite site = inputs::site(size, "LIF", std::span<const std::uint32_t>(some));
  site.seed = seed;
  const double rate = 20'000, weight = seed % 2 == 0 ? -2 : 3;
  return std::make_unique<PoissonInput<R>>(site, std::span(&rate, 1), false, std::span(&weight, 1),
                                           Receptor::by_sign, start);
}

template <class R>
std::unique_ptr<NoiseInput<R>> noise(std::uint64_t seed, Step start) {
  InputSite site = inputs::site(size);
  site.seed = seed;
  const double mean = 3, std = 2;
  return std::make_unique<NoiseInput<R>>(site, std::span(&mean, 1), std::span(&std, 1), 3, start);
}

// The sums of the second population, by itself, lie behind those of the first.
template <class R>
void check_equal(const std::array<std::vector<R>, 3>& joined,
                 const std::array<std::array<std::vector<R>, 3>, 2>& each) {
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(std::equal(each[0][c].begin(), each[0][c].end(), joined[c].begin()));
    CHECK(std::equal(each[1][c].begin(), each[1][c].end(), joined[c].begin() + size));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("joined draws are those of each input, once it begins", R, float, double) {
  const auto a = poisson<R>(1, 0), b = poisson<R>(2, 5);
  JoinedDraws<R> joined(2 * size, a->act());
  joined.add(*a, 0);
  joined.add(*b, size);
  const auto all = run<R>(2 * size, [&](auto... at) { joined.apply(at...); });
  const auto alone = [&](const PoissonInput<R>& input) {
    return run<R>(size, [&](Step step, std::size_t begin, std::size_t end, const auto& target) {
      for (const TargetRun& run : input.targets().runs()) {
        std::vector<PoissonDrive<R>> drives;
        input.drives(run, drives);
        const std::size_t from = std::max<std::size_t>(begin, run.begin),
                          to = std::min<std::size_t>(end, run.end);
        for (const PoissonDrive<R>& d : drives) {
          if (from < to && input.window(step).begin <= step) {
            kernels().poisson<R>()(*d.table, *d.stream, *d.tie, step, from, to, d.weight,
                                   d.weight_mask,
                                   target.input[static_cast<std::size_t>(d.channel)]);
          }
        }
      }
    });
  };
  check_equal<R>(all, {alone(*a), alone(*b)});
  CHECK(all[0][3] > 0);
  CHECK(all[1][size + 70] < 0);
}

TEST_CASE_TEMPLATE("joined inputs act as each by itself, within their windows", R, float, double) {
  const auto a = noise<R>(1, 0), b = noise<R>(2, 4);
  a->stop_at(9);
  JoinedInput<R> joined(2 * size, a->act());
  joined.add(*a, 0, size);
  joined.add(*b, size, size);
  const auto all = run<R>(2 * size, [&](auto... at) { joined.apply(at...); });
  const auto alone = [&](NoiseInput<R>& input) {
    return run<R>(size, [&](Step step, std::size_t begin, std::size_t end, const auto& target) {
      if (const Window window = input.window(step); window.begin <= step && step < window.end) {
        input.apply(step, begin, end, target);
      }
    });
  };
  const auto c = noise<R>(1, 0), d = noise<R>(2, 4);
  c->stop_at(9);
  check_equal<R>(all, {alone(*c), alone(*d)});
  CHECK(all[2][0] != 0);
  CHECK(all[2][size] != 0);
}

}  // namespace test_network_joined_inputs
