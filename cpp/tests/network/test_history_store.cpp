#include <doctest/doctest.h>

#include "network/history_store.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_history_store {

using namespace plastic_test;

TEST_CASE_TEMPLATE("rows with history: weights and what is sent, for all rules", R, float, double) {
  compare_all<R>(PlasticLayout::history);
}

// Several rows at a step, so that targets' traces are computed for all of them at once.
TEST_CASE_TEMPLATE("rows with history of most targets and one delay", R, float, double) {
  compare_all<R>(PlasticLayout::history, true, 0.2);
}

// Nothing that was computed for the rows of an arrival serves others that arrive at the same step
// after clear().
TEST_CASE_TEMPLATE("rows with history after a clear: targets' traces are those of now", R, float,
                   double) {
  Case what{PlasticLayout::history};
  what.delay = 20;
  what.axonal = 0.8;
  what.close = true;
  what.parameters = {20, 20, 0.01, 0.012, 0, 1};
  Trains trains;
  trains.pre.assign(n_pre, {10});
  trains.post.assign(n_post, {15});
  Driver<R> used(what, trains), fresh(what, trains);
  used.run(30);  // the last step in which rows arrived
  used.store->clear();
  std::ranges::copy(fresh.store->parts().synapse[0], used.store->parts().synapse[0].begin());
  for (Driver<R>* driver : {&used, &fresh}) {
    for (std::uint32_t j = slice_begin; j < n_post; ++j) {
      const Gid gid = post_gid + j;
      driver->store->note_posts({&gid, 1}, post_gid, 19);
    }
    driver->enqueue(10, 10);
    driver->now = 26;  // the rows' spikes are at the synapses, but have not arrived
  }
  CHECK(fresh.weights() != std::vector<R>(fresh.store->parts().synapse[0].begin(),
                                          fresh.store->parts().synapse[0].end()));
  CHECK(used.weights() == fresh.weights());
}

}  // namespace test_network_history_store
