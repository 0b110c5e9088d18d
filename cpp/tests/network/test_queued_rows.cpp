#include <doctest/doctest.h>

#include <numeric>
#include <stdexcept>

#include "network/queued_rows.hpp"

namespace {
using namespace spikelet;
}

// Codes take 3 bytes for the first pair of sizes, and 4 for the others.
TEST_CASE_TEMPLATE("synapses arrive after their delays, whatever their codes take", R, float,
                   double) {
  struct Sizes {
    std::uint32_t targets;
    Step shortest, longest;
    std::size_t code_bytes;
  };
  for (const auto& [targets, shortest, longest, code_bytes] :
       {Sizes{400, 3, 60, 3}, Sizes{65'536, 1, 200, 3}, Sizes{65'536, 1, 900, 4},
        Sizes{500'000, 1, 8000, 4}}) {
    CAPTURE(targets);
    QueuedRows<R> rows(targets, shortest, longest, {1, 3, 0, 0});
    CHECK(rows.bytes_of(10) == 10 * (sizeof(R) + code_bytes));
    rows.append(7, {{targets - 1, static_cast<std::uint16_t>(longest), R(1)},
                    {0, static_cast<std::uint16_t>(shortest), R(2)},
                    {targets - 1, static_cast<std::uint16_t>(longest), R(4)}});
    rows.close(static_cast<std::size_t>(longest) + 32);
    std::vector<R> input(targets);
    const std::vector<Gid> sources{6, 7, 8};
    rows.enqueue(sources, 1, 1);
    for (Step step = 1; step <= longest; ++step) {
      rows.deliver(step, input.data());
      CHECK(input[0] == (step >= shortest ? R(2) : R(0)));
      CHECK(input[targets - 1] == (step >= longest ? R(5) : R(0)));
    }
    std::vector<Step> delays;
    rows.visit(7, [&](const SynapseRef<R>& synapse) {
      delays.push_back(synapse.delay);
      *synapse.weight = R(8);
    });
    CHECK(delays == std::vector<Step>{longest, shortest, longest});
    rows.enqueue(sources, longest + 1, 2 * longest);  // the short delay is over by then
    for (Step step = 2 * longest; step < 2 * longest + shortest; ++step) {
      rows.deliver(step, input.data());
    }
    CHECK(input[0] == R(2));
    CHECK(input[targets - 1] == R(21));
  }
}

TEST_CASE("targets and delays that do not fit one code are refused") {
  CHECK_THROWS_AS(QueuedRows<float>(500'000, 1, 9000, {}), std::length_error);
}
