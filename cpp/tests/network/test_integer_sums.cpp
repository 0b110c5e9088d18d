#include <doctest/doctest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "core/levels.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/integer_sums.hpp"

namespace test_network_integer_sums {

using namespace spikelet;

namespace {

// 7, -9 and 2^31 - 1 are added to the sums.
template <class R>
void check_sums(IntegerSums& sums) {
  const auto set = [&](std::size_t k, std::int32_t value) {
    if (sums.at().wide != nullptr) {
      sums.at().wide[k] = static_cast<std::uint64_t>(std::int64_t{value});
    } else {
      sums.at().narrow[k] = static_cast<std::uint32_t>(value);
    }
  };
  set(64 + 3, 7);
  set(64 + 64, -9);
  set(64 + 127, 0x7fffffff);
  std::vector<R> input(128, R(1));
  for (int again = 0; again < 2; ++again) {  // the sums are 0 after the first time
    kernels().add_sums<R>()(sums.at(), 64, 128, R(0.25), input.data());
    CHECK(input[3] == R(2.75));
    CHECK(input[64] == R(-1.25));
    CHECK(input[127] == R(1) + R(0.25) * static_cast<R>(2147483647.0));
    CHECK(input[0] == R(1));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("sums become a part of the channel, and start again at 0", R, float, double) {
  IntegerSums sums;
  CHECK(sums.empty());
  sums.resize(150, 42);
  CHECK(!sums.empty());
  const SumsAt& at = sums.at();
  check_sums<R>(sums);
  sums.expect(3, 0x7fffffff);
  sums.expect(4, 0x7fffffff);
  sums.settle();
  CHECK(at.wide == nullptr);
  check_sums<R>(sums);
  sums.resize(150, 42);
  sums.expect(4, 0x7fffffff);
  sums.expect(4, 1);
  sums.settle();
  REQUIRE(at.wide != nullptr);
  CHECK(!sums.empty());
  check_sums<R>(sums);
}

TEST_CASE_TEMPLATE("a sum of 0 changes no bit of the channel, so that it may be left out", R, float,
                   double) {
  IntegerSums sums;
  sums.resize(64, 0);
  CHECK(!sums.expects(0, 64));
  sums.expect(5, 1);
  CHECK(sums.expects(0, 64));
  CHECK(sums.expects(5, 6));
  CHECK(!sums.expects(6, 64));
  CHECK(!sums.expects(0, 5));
  for (const bool wide : {false, true}) {
    sums.resize(64, 0);
    for (int k = 0; wide && k < 2; ++k) {
      sums.expect(5, 0x7fffffff);
    }
    sums.settle();
    std::vector<R> input(64, R(-0.0));
    input[1] = R(0);
    kernels().add_sums<R>()(sums.at(), 0, 64, R(0.5), input.data());
    CHECK(std::signbit(input[0]));
    CHECK(!std::signbit(input[1]));
  }
}

TEST_CASE_TEMPLATE("a sum of 64 bits is rounded once", R, float, double) {
  IntegerSums sums;
  sums.resize(64, 0);
  for (int k = 0; k < 3; ++k) {
    sums.expect(0, 0x7fffffff);
  }
  sums.settle();
  const std::int64_t value = -((std::int64_t{1} << 40) + (std::int64_t{1} << 16) + 1);
  sums.at().wide[5] = static_cast<std::uint64_t>(value);
  std::vector<R> input(64);
  kernels().add_sums<R>()(sums.at(), 0, 64, R(0.5), input.data());
  CHECK(input[5] == R(0.5) * static_cast<R>(value));
}

}  // namespace test_network_integer_sums
