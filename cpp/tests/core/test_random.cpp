#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <utility>

#include "spikelet/core/random.hpp"
#include "spikelet/core/types.hpp"

namespace test_core_random {

using namespace spikelet;

TEST_CASE("philox gives the known answers of Random123") {
  constexpr std::uint32_t all = 0xffffffff;
  CHECK(philox({0, 0, 0, 0}, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({all, all, all, all}, all, all) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream puts seed, purpose, object and counters where documented") {
  const Stream stream(0x0123456789abcdefu, Purpose::connect, 5);
  CHECK(stream.key0() == 0x89abcdef);
  CHECK(stream.key1() == 0x01234567);
  CHECK(stream.word() == ((6u << 24) ^ 5u));
  const Step step = (Step{3} << 32) + 9;
  CHECK(stream.at(17, step) == philox({17, 9, 3, stream.word()}, 0x89abcdef, 0x01234567));
  CHECK(stream.words((7ull << 32) + 2, 4) ==
        philox({2, 4, 7, stream.word()}, 0x89abcdef, 0x01234567));
}

TEST_CASE("streams of other seeds, purposes, objects, elements and steps differ") {
  std::set<Words> seen;
  int n = 0;
  for (const std::uint64_t seed : {0ull, 1ull, 1ull << 32}) {
    for (const Purpose purpose : {Purpose::source, Purpose::injector, Purpose::values}) {
      for (const std::uint32_t object : {0u, 1u, 1u << 20}) {
        for (const Step step : {Step{0}, Step{1}, Step{1} << 40}) {
          for (std::uint32_t element = 0; element < 20; ++element, ++n) {
            seen.insert(Stream(seed, purpose, object).at(element, step));
          }
        }
      }
    }
  }
  CHECK(seen.size() == static_cast<std::size_t>(n));
}

TEST_CASE("uniform never reaches an end point") {
  CHECK(uniform(0u) == 0x1p-33);
  CHECK(uniform(0xffffffffu) == 1 - 0x1p-33);
  CHECK(uniform(0u, 0u) == 0x1p-53);
  CHECK(uniform(0xffffffffu, 0xffffffffu) == 1 - 0x1p-53);
  CHECK(uniform(0x80000000u, 0u) == 0.5 + 0x1p-53);
}

TEST_CASE("normal_quantile: known values") {
  const std::pair<double, double> known[] = {{0.5, 0.0},
                                             {0.9, 1.2815515655446004},
                                             {0.975, 1.959963984540054},
                                             {1e-3, -3.090232306167813},
                                             {1e-10, -6.361340902404056},
                                             {1e-20, -9.262340089798408}};
  for (const auto& [u, z] : known) {
    CAPTURE(u);
    CHECK(std::abs(normal_quantile(u) - z) <= 4e-16 * std::abs(z));
  }
}

TEST_CASE("normal_quantile inverts the distribution function, and is odd") {
  for (double exponent = -300; exponent < -0.31; exponent += 0.37) {
    const double u = std::pow(10.0, exponent), z = normal_quantile(u);
    CAPTURE(u);
    // A relative error e of z becomes z^2 e of u.
    const double back = 0.5 * std::erfc(-z / std::sqrt(2.0));
    CHECK(std::abs(back / u - 1) < (2 + z * z) * 1.5e-15);
  }
  for (double u = 0x1p-10; u < 0.5; u += 0x1p-10) {  // 1 - u is exact
    CHECK(normal_quantile(1 - u) == -normal_quantile(u));
  }
  CHECK(std::isfinite(normal_quantile(uniform(0u, 0u))));
  CHECK(std::isfinite(normal_quantile(uniform(0xffffffffu, 0xffffffffu))));
}

}  // namespace test_core_random
