#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/network/store_watch.hpp"

namespace test_network_store_watch {

using namespace spikelet;

TEST_CASE("a store that waits is idle but while spikes of its sources are on their way") {
  StoreWatch watch(10);
  watch.add({5, 9}, true);
  watch.add({0, 100}, false);
  watch.add_none();
  const std::vector<Gid> none, others{0, 4, 10, 700}, some{4, 9, 10};
  CHECK(watch.idle(0, 0));
  CHECK_FALSE(watch.takes(0, none, 1));
  CHECK_FALSE(watch.takes(0, others, 1));
  CHECK(watch.idle(0, 0));
  CHECK(watch.takes(0, some, 20));
  CHECK_FALSE(watch.idle(0, 20));
  CHECK_FALSE(watch.idle(0, 29));  // 20 + 10 - 1: the longest delay
  CHECK(watch.idle(0, 31));
  CHECK(watch.takes(0, some, 3));  // one handed over later is no reason to forget the others
  CHECK_FALSE(watch.idle(0, 29));
  CHECK(watch.takes(1, others, 1));
  CHECK_FALSE(watch.idle(1, 1'000'000));
  CHECK_FALSE(watch.takes(2, others, 1));
  CHECK(watch.idle(2, 1));
}

TEST_CASE("a range of sources has both its ends") {
  StoreWatch watch(1);
  watch.add({7, 7}, true);
  watch.add({0, std::numeric_limits<Gid>::max()}, true);
  for (const Gid gid : {0u, 6u, 7u, 8u, std::numeric_limits<Gid>::max()}) {
    CHECK(watch.takes(0, std::vector{gid}, 1) == (gid == 7));
    CHECK(watch.takes(1, std::vector{gid}, 1));
  }
}

TEST_CASE("once no spikes are on their way, time may go back") {
  StoreWatch watch(10);
  watch.add({5, 9}, true);
  watch.add({5, 9}, false);
  const std::vector<Gid> some{7};
  CHECK(watch.takes(0, some, 1000));
  watch.clear();
  CHECK(watch.idle(0, 1));
  CHECK(watch.takes(0, some, 3));
  CHECK_FALSE(watch.idle(0, 12));
  CHECK(watch.idle(0, 14));
  CHECK_FALSE(watch.idle(1, 1));  // it does not wait
}

namespace {

// Stores of which each has every 40th source.
constexpr std::size_t many = 150;
constexpr Gid stride = 40;

// All delays from 1 to `longest`, or a few, which depend on the store.
StoreWatch watch_of_many(Step longest, bool few) {
  StoreWatch watch(longest);
  for (std::size_t k = 0; k < many; ++k) {
    const Gid first = static_cast<Gid>(k) % stride;
    watch.add({first, first + 9 * stride}, k != 5);
  }
  watch.close([=](std::size_t k, const ForSource& visitor) {
    const Step shortest = few ? static_cast<Step>(1 + k % 10) : 1;
    for (Gid n = 0; n < 10; ++n) {
      visitor(static_cast<Gid>(k) % stride + n * stride, shortest,
              few ? shortest + static_cast<Step>(k % 3) : longest);
    }
  });
  return watch;
}

std::vector<std::size_t> busy(StoreWatch& watch, Step step) {
  std::vector<std::size_t> found;
  watch.for_busy(step, [&](std::size_t k) { found.push_back(k); });
  for (std::size_t k = 0; k < many; ++k) {
    CHECK(watch.idle(k, step) == !std::ranges::binary_search(found, k));
  }
  return found;
}

}  // namespace

TEST_CASE("of many stores, those take a spike that have its source") {
  StoreWatch watch = watch_of_many(10, false);
  CHECK(watch.many());
  CHECK(watch.bytes() > 0);
  const std::vector<Gid> spikes{3, 42, 43, 400};
  std::vector<std::pair<std::size_t, Gid>> taken, expected;
  watch.for_takers(spikes, 20, [&](std::size_t k, std::span<const Gid> some) {
    for (const Gid gid : some) {
      taken.emplace_back(k, gid);
    }
  });
  for (const Gid gid : {3u, 42u, 43u}) {  // 400 is in no store
    for (std::size_t k = 0; k < many; ++k) {
      if (k % stride == gid % stride) {
        expected.emplace_back(k, gid);
      }
    }
  }
  CHECK(taken == expected);
  CHECK(busy(watch, 20) == std::vector<std::size_t>{2, 3, 5, 42, 43, 82, 83, 122, 123});
  CHECK(busy(watch, 30).size() == 9);
  CHECK(busy(watch, 31) == std::vector<std::size_t>{5});  // it does not wait
}

TEST_CASE("of many stores, one with few delays of a source is busy when its spike arrives") {
  StoreWatch watch = watch_of_many(12, true);
  const std::vector<Gid> spikes{2};  // of the stores 2, 42, 82, 122
  const auto nothing = [](std::size_t, std::span<const Gid>) {};
  watch.for_takers(spikes, 100, nothing);
  watch.for_takers(spikes, 101, nothing);
  for (Step step = 100; step < 130; ++step) {
    std::vector<std::size_t> expected;
    for (std::size_t k = 0; k < many; ++k) {
      const Step shortest = static_cast<Step>(1 + k % 10),
                 longest = shortest + static_cast<Step>(k % 3);
      const bool due = step >= 99 + shortest && step <= 100 + longest;
      if (k == 5 || (k % stride == 2 && due)) {
        expected.push_back(k);
      }
    }
    CHECK(busy(watch, step) == expected);
    watch.pass(step);
  }
  watch.for_takers(spikes, 200, nothing);
  watch.rouse(7, 205);
  CHECK(busy(watch, 203) == std::vector<std::size_t>{2, 5, 7, 82, 122});
  CHECK(busy(watch, 205) == std::vector<std::size_t>{5, 7});
  CHECK(busy(watch, 206) == std::vector<std::size_t>{5});
  watch.clear();
  for (Step step = 0; step < 300; ++step) {
    CHECK(busy(watch, step) == std::vector<std::size_t>{5});
  }
}

TEST_CASE("a store that was roused is not idle, alone or among many") {
  StoreWatch one(10);
  one.add({5, 9}, true);
  one.rouse(0, 20);
  CHECK_FALSE(one.idle(0, 20));
  CHECK(one.idle(0, 21));
}

TEST_CASE(
    "delays that are too long for marks, or handed over without their source, are waited for") {
  StoreWatch watch(3000);
  for (std::size_t k = 0; k < StoreWatch::few; ++k) {
    watch.add({0, 99}, true);
  }
  watch.close([](std::size_t k, const ForSource& visitor) {
    const Step delay = k == 0 ? 3000 : k == 1 ? 1024 : 1025;
    visitor(4, delay, delay);
  });
  const auto nothing = [](std::size_t, std::span<const Gid>) {};
  watch.for_takers(std::vector<Gid>{4}, 50, nothing);
  CHECK_FALSE(watch.idle(0, 50));
  CHECK_FALSE(watch.idle(0, 3049));
  CHECK(watch.idle(0, 3051));
  CHECK(watch.idle(1, 1072));
  CHECK_FALSE(watch.idle(1, 1073));
  CHECK(watch.idle(1, 1074));
  CHECK_FALSE(watch.idle(2, 1074));
  CHECK(watch.takes(1, std::vector<Gid>{4}, 50));
  CHECK_FALSE(watch.idle(1, 60));
}

}  // namespace test_network_store_watch
