// Traces are rescaled at the end of each epoch; here epochs have their greatest length.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "spikelet/network/trace_store.hpp"
#include "support/plastic_driver.hpp"

namespace test_network_trace_store {

using namespace plastic_test;

TEST_CASE("traces with long time constants survive many epochs and long silence") {
  const std::vector<Step> pre{10, 500, 4095, 4096, 4097, 9000, 50000, 50001, 59000},
      post{20, 4090, 4096, 20000, 20001, 49999, 58000};
  for (const PlasticLayout layout : {PlasticLayout::closed_rows, PlasticLayout::dense_block}) {
    for (const char* rule : {"STDP.additive", "TripletSTDP"}) {
      for (const bool tie : {true, false}) {
        Case what{layout};
        what.rule = rule;
        what.parameters =
            what.rule == "TripletSTDP"
                ? std::vector<double>{900, 800, 1100, 1200, 0.02, 0.007, 0.006, 0.002, 0, 1}
                : std::vector<double>{900, 800, 0.02, 0.012, 0, 1};
        what.tie = tie;
        what.axonal = tie ? 0.4 : 0;
        CAPTURE(what.rule);
        CAPTURE(tie);
        CAPTURE(std::string(layout_name(layout)));
        const std::vector<std::uint32_t> zero{0};
        const std::vector<double> weight{0.5};
        const std::vector<std::uint16_t> delay{7};
        const auto table = SynapseTable<double>::from_lists(1, zero, zero, weight, delay);
        Feed<double> feed;
        feed.table = &table;
        feed.post_end = block_size;
        feed.one_channel = excitatory_channel;
        const auto store =
            make_plastic_store<double>(layout, feed, what.plasticity(), dt, 40, -1, nullptr);
        REQUIRE(dynamic_cast<TraceStore<double>*>(store.get()) != nullptr);
        std::vector<double> input(block_size);
        const std::array<double*, max_channels> to{input.data()};
        const Gid source = 0, target = 100;
        for (Step now = 0; now < 60000; ++now) {
          if (std::binary_search(post.begin(), post.end(), now + 1)) {
            store->note_posts({&target, 1}, 100, now + 1);
          }
          store->deliver(now, to, false);
          if (std::binary_search(pre.begin(), pre.end(), now + 1)) {
            store->enqueue(source, now + 1, now + 1);
          }
          if (now % 9973 == 0 || now == 59999) {
            CAPTURE(now);
            const auto copy = store->clone();
            copy->finish(now + 1);
            std::vector<double> sums(block_size);
            copy->add_weights(sums);
            const double expected = naive(what, 0.5, pre, post, 7, now + 1);
            CHECK(sums[0] == doctest::Approx(expected).epsilon(1e-12));
            CHECK((now < 20 || sums[0] != 0.5));
          }
        }
        std::vector<double> sent;
        naive(what, 0.5, pre, post, 7, 60000, &sent);
        double sum = 0;
        for (const double w : sent) {
          sum += w;
        }
        CHECK(input[0] == doctest::Approx(sum).epsilon(1e-12));
        CHECK(store->posts().empty());  // all of them are in the traces
      }
    }
  }
}

}  // namespace test_network_trace_store
