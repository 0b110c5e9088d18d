#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "spikelet/network/spike_exchange.hpp"
#include "support/ranks_in_threads.hpp"

namespace test_network_spike_exchange {

using namespace spikelet;
using test::on_ranks;
using test::Rank;
using test::Room;
using Status = SpikeExchange::Status;

TEST_CASE("an exchange that outgrows its message delivers every spike, in order") {
  on_ranks(3, [](int r, Room& room) {
    Rank rank(room, r);
    SpikeExchange exchange(rank);
    std::uint64_t collectives = 0;
    for (const std::size_t each : {3u, 200u, 230u, 0u, 1000u, 20u}) {
      exchange.start();
      std::vector<std::vector<Gid>> expected(4);
      for (std::uint32_t step = 0; step < 4; ++step) {
        for (std::uint32_t k = 0; k < each * 3;
             ++k) {  // rank q has every third, and more on step 2
          for (int q = 0; q < 3; ++q) {
            if (static_cast<int>(k % 3) == q && (q != 1 || step == 2)) {
              expected[step].push_back(k);
            }
          }
        }
        std::vector<Gid> own;
        for (const Gid gid : expected[step]) {
          if (static_cast<int>(gid % 3) == r) {
            own.push_back(gid);
          }
        }
        exchange.add(own);
      }
      const Status own = each == 230 && r == 2 ? Status::stopping : Status::going_on;
      CHECK((exchange.meet(own) == Status::stopping) == (each == 230));
      exchange.sort();
      for (std::size_t step = 0; step < 4; ++step) {
        const auto got = exchange.step(step);
        CHECK(std::vector<Gid>(got.begin(), got.end()) == expected[step]);
      }
      collectives = exchange.statistics().collectives;
    }
    CHECK(exchange.statistics().exchanges == 6);
    CHECK(collectives > 6);   // some needed a second one
    CHECK(collectives < 12);  // but not all
    CHECK(!rank.bad());
  });
}

}  // namespace test_network_spike_exchange
