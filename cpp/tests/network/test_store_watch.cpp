#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "spikelet/network/store_watch.hpp"

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
