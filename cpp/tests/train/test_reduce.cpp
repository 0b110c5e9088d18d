#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "support/values.hpp"
#include "train/reduce.hpp"

namespace test_train_reduce {

namespace {

using namespace spikelet::train;

template <class R>
ParameterGradients<R> wanted_leak(std::vector<R>& out) {
  ParameterGradients<R> wanted;
  wanted.leak = out.data();
  return wanted;
}

}  // namespace

TEST_CASE_TEMPLATE("sums of each group, with the same bits for any number of threads", R, float,
                   double) {
  struct Grouping {
    std::size_t count, inner, repeats;
  };
  // One group, few and many; more neurons than a chunk holds.
  for (const Grouping& g :
       {Grouping{1, 1, 9000}, {7, 1, 1300}, {3, 50, 60}, {200, 1, 45}, {70, 4, 1}}) {
    CAPTURE(g.count);
    const std::size_t size = g.count * g.inner * g.repeats;
    Cell<R> cell;
    cell.leak = {nullptr, g.count, g.inner};
    const auto own = test::values<R>(size, -1, 2, 1);
    std::vector<double> expected(g.count);
    for (std::size_t m = 0; m < size; ++m) {
      expected[m / g.inner % g.count] += static_cast<double>(own[m]);
    }
    std::vector<R> first;
    for (const int threads : {1, 2, 3}) {
      std::vector<R> out(g.count, R(7));
      const auto wanted = wanted_leak(out);
      GroupSums<R> sums(cell, wanted, size);
      std::copy(own.begin(), own.end(), sums.at(0).leak);
      sums.reduce(wanted, threads);
      for (std::size_t k = 0; k < g.count; ++k) {
        CHECK(out[k] == doctest::Approx(expected[k]).epsilon(sizeof(R) == 4 ? 1e-6 : 1e-12));
      }
      first = first.empty() ? out : first;
      CHECK(test::same_bits(out, first));
    }
  }
}

TEST_CASE("sums are kept only for the parameters that are wanted") {
  Cell<double> cell;
  std::vector<double> out(1);
  GroupSums<double> sums(cell, wanted_leak(out), 10);
  CHECK(sums.at(4).leak == sums.at(0).leak + 4);
  CHECK(sums.at(0).threshold == nullptr);
  CHECK(sums.at(4).boost == nullptr);
}

}  // namespace test_train_reduce
