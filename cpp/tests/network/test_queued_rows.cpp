#include <doctest/doctest.h>

#include <numeric>
#include <stdexcept>
#include <utility>
#include <vector>

#include "network/queued_rows.hpp"

namespace test_network_queued_rows {

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

TEST_CASE_TEMPLATE("magnitudes of 16 bits are added to sums, of one sign or of both", R, float,
                   double) {
  constexpr Step shortest = 2, longest = 90;
  for (const auto& [targets, bytes] : {std::pair{300u, 5u}, {80'000u, 5u}, {500'000u, 6u}}) {
    for (const bool wide : {false, true}) {
      for (const bool both : {false, true}) {
        CAPTURE(targets);
        CAPTURE(wide);
        CAPTURE(both);
        std::vector<std::uint32_t> narrow_sums(targets);
        std::vector<std::uint64_t> wide_sums(targets);
        const SumsAt sums{wide ? nullptr : narrow_sums.data(), wide ? wide_sums.data() : nullptr};
        const auto sum = [&](std::uint32_t k) {
          return wide ? static_cast<std::int64_t>(wide_sums[k])
                      : static_cast<std::int32_t>(narrow_sums[k]);
        };
        const RowGrid grid{0.5, !both, 3, &sums};
        QueuedRows<R, IntegerWeights<R>> rows(targets, shortest, longest, {1, 3, 0, 0},
                                              IntegerWeights<R>(grid, both));
        CHECK(rows.bytes_of(10) == 10 * (bytes + (both && targets == 80'000 ? 1 : 0)));
        const R plus = both ? R(1) : R(-1);
        rows.append(7, {{targets - 1, longest, R(-32767.5)},
                        {0, shortest, plus * R(1.5)},
                        {targets - 1, longest, plus * R(0.5)}});
        rows.close(static_cast<std::size_t>(longest) + 32);
        const std::vector<Gid> sources{6, 7, 8};
        rows.enqueue(sources, 1, 1);
        const int sign = both ? 1 : -1;
        for (Step step = 1; step <= longest; ++step) {
          rows.deliver(step, nullptr);
          CHECK(sum(0) == (step >= shortest ? sign * 3 * 8 : 0));
          CHECK(sum(targets - 1) == (step >= longest ? (-65535 + sign) * 8 : 0));
        }
        std::vector<R> found;
        std::vector<Step> delays;
        rows.visit(7, [&](const SynapseRef<R>& synapse) {
          CHECK(synapse.target == (synapse.delay == longest ? targets - 1 : 0));
          CHECK(synapse.sign == (synapse.value() < 0 ? -1 : 1));
          found.push_back(synapse.value());
          delays.push_back(synapse.delay);
          synapse.set(synapse.value() * R(0.5));
        });
        if (both) {  // weights < 0 come last
          CHECK(found == std::vector<R>{R(1.5), R(0.5), R(-32767.5)});
          CHECK(delays == std::vector<Step>{shortest, longest, longest});
        } else {
          CHECK(found == std::vector<R>{R(-32767.5), R(-1.5), R(-0.5)});
        }
        rows.enqueue(sources, longest + 1, 2 * longest);  // the short delay is over by then
        rows.deliver(2 * longest, nullptr);
        CHECK(sum(0) == sign * 3 * 8);
      }
    }
  }
}

TEST_CASE("targets and delays that do not fit one code are refused") {
  CHECK_THROWS_AS(QueuedRows<float>(500'000, 1, 9000, {}), std::length_error);
  // The number of a list has 16 bits beside a weight of 16 bits, however few the targets are.
  using Queued = QueuedRows<float, IntegerWeights<float>>;
  for (const bool both : {false, true}) {
    const IntegerWeights<float> kept({}, both);
    for (const std::uint32_t targets : {5u, 65'536u}) {
      CHECK(Queued::fits(targets, 1, 32'768, kept));
      CHECK(Queued::fits(targets, 1, 65'535, kept) == !both);
    }
    CHECK(Queued::fits(131'072, 1, 16'384, kept));
    CHECK(Queued::fits(131'072, 1, 32'768, kept) == !both);
  }
  CHECK_THROWS_AS(Queued(5, 1, 65'535, {}, IntegerWeights<float>({}, true)), std::length_error);
}

}  // namespace test_network_queued_rows
