#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "network/poller.hpp"

namespace test_network_poller {

using namespace spikelet;

TEST_CASE("a run asks now and then, with its step, and stops as it is answered") {
  Poller poller;
  int asked = 0;
  Step last = -1;
  bool stop = false;
  const Poll poll = [&](Step step) {
    ++asked;
    last = step;
    return stop;
  };
  CHECK_FALSE(poller(poll, 0));  // too early
  CHECK(asked == 0);
  Step step = 1;
  for (; asked < 3; ++step) {
    CHECK_FALSE(poller(poll, step));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(last == step - 1);
  CHECK(step > 10);  // not in each interval
  stop = true;
  for (; !poller(poll, step); ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(asked == 4);
}

TEST_CASE("without a poll nothing is asked") {
  Poller poller;
  CHECK_FALSE(poller({}, 0));
}

}  // namespace test_network_poller
