#include <doctest/doctest.h>

#include <new>
#include <numeric>
#include <vector>

#include "spikelet/core/growing_array.hpp"

namespace test_core_growing_array {

using namespace spikelet;

TEST_CASE("an array grows, copies, moves and shrinks") {
  GrowingArray<int> a;
  CHECK(a.empty());
  for (int k = 0; k < 1000; ++k) {
    a.push_back(k);
  }
  CHECK(a.size() == 1000);
  CHECK(a.capacity() >= 1000);
  CHECK(a.back() == 999);
  GrowingArray<int> b(a);
  a[3] = -1;
  CHECK(b[3] == 3);
  b.resize(2);
  b.shrink();
  CHECK(b.capacity() == 2);
  CHECK(b == std::vector<int>{0, 1});
  CHECK_FALSE(b == std::vector<int>{0, 1, 2});
  a = std::move(b);
  CHECK(a.size() == 2);
  a.pop_back();
  CHECK(a == std::vector<int>{0});
  a.pop_back();
  a.shrink();
  CHECK(a.capacity() == 0);
  a = {};
  CHECK(a.data() == nullptr);
}

TEST_CASE("a large array keeps its values while its pages are moved") {
  GrowingArray<std::int64_t> a;
  constexpr std::size_t n = std::size_t{9} << 20;  // 72 MB
  a.resize(n / 2);
  std::iota(a.begin(), a.end(), 0);
  a.resize(n);
  std::iota(a.begin() + n / 2, a.end(), static_cast<std::int64_t>(n / 2));
  bool same = true;
  for (std::size_t k = 0; k < n; ++k) {
    same &= a[k] == static_cast<std::int64_t>(k);
  }
  CHECK(same);
}

TEST_CASE("room that cannot be had is refused, and nothing changes") {
  GrowingArray<int> a;
  a.push_back(7);
  CHECK_THROWS_AS(a.reserve(~std::size_t{0} / 8), std::bad_alloc);
  CHECK(a == std::vector<int>{7});
}

}  // namespace test_core_growing_array
