#include <doctest/doctest.h>

#include <cmath>

#include "spikelet/network/pulse_packets.hpp"

namespace test_network_pulse_packets {

using namespace spikelet;

TEST_CASE("jitter is standard normal, and that of a spike is its own") {
  const auto many = pulse_jitter(1, 3, 50, 4, 100);
  REQUIRE(many.size() == 20000);
  double sum = 0, squares = 0;
  for (const double z : many) {
    sum += z;
    squares += z * z;
  }
  CHECK(std::abs(sum / 20000) < 4 / std::sqrt(20000.0));
  CHECK(std::abs(squares / 20000 - 1) < 4 * std::sqrt(2 / 20000.0));
  const auto few = pulse_jitter(1, 3, 7, 2, 10);
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t packet = 0; packet < 2; ++packet) {
      for (std::size_t k = 0; k < 10; ++k) {
        CHECK(few[(i * 2 + packet) * 10 + k] == many[(i * 4 + packet) * 100 + k]);
      }
    }
  }
  CHECK(pulse_jitter(2, 3, 1, 1, 1) != pulse_jitter(1, 3, 1, 1, 1));
  CHECK(pulse_jitter(1, 4, 1, 1, 1) != pulse_jitter(1, 3, 1, 1, 1));
  CHECK(pulse_jitter(1, 1, 0, 5, 5).empty());
}

}  // namespace test_network_pulse_packets
