#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "network/history_store.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_queued_history {

using namespace plastic_test;

namespace {

// The same synapses in rows by source and delay.
template <class R>
void use_rows_by_delay(Driver<R>& driver) {
  driver.feed.table = &driver.table;
  driver.store =
      std::make_unique<HistoryStore<R>>(driver.feed, driver.what.plasticity(), dt, longest + 32);
  driver.store->start(-1);
}

// Everything that a store must not lose, by names that both forms share.
template <class R>
struct Saved {
  std::vector<R> weight, own;  // by source, delay and order of creation
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::array<double, 4>> rows;
  std::vector<PostSpike<R>> posts;
  std::vector<std::pair<Step, Sent<R>>> sent;
};

// Calls f(weight, position) for each synapse by source, delay and order of creation.
template <class R, class F>
void for_synapses(PlasticStore<R>& store, F&& f) {
  for (std::uint32_t i = 0; i < n_pre; ++i) {
    std::map<std::uint16_t, std::vector<std::pair<std::size_t, R*>>> by_delay;
    store.visit(pre_gid + i, [&](const SynapseRef<R>& synapse) {
      by_delay[synapse.delay].emplace_back(synapse.position, synapse.weight);
    });
    for (auto& [delay, synapses] : by_delay) {
      std::ranges::sort(synapses);
      for (const auto& [position, weight] : synapses) {
        f(*weight, position);
      }
    }
  }
}
template <class R, class F>
void for_weights(PlasticStore<R>& store, F&& f) {
  for_synapses(store, [&](R& w, std::size_t) { f(w); });
}

// As of now, in the order of for_weights().
template <class R>
std::vector<R> weights_of(const PlasticStore<R>& store, Step now) {
  const auto copy = store.clone();
  copy->finish(now);
  std::vector<R> weights;
  for_weights(*copy, [&](R w) { weights.push_back(w); });
  return weights;
}

template <class R>
Saved<R> save(PlasticStore<R>& store, Step now) {
  Saved<R> saved;
  store.settle(now);
  const PlasticParts<R> parts = store.parts();
  for_synapses(store, [&](R w, std::size_t position) {
    saved.weight.push_back(w);
    saved.own.push_back(parts.synapse.back()[position]);
  });
  const auto rows = store.rows();
  for (std::size_t k = 0; k < rows.size(); ++k) {
    saved.rows[rows[k]] = {
        static_cast<double>(parts.row[0][k]), static_cast<double>(parts.row[1][k]),
        static_cast<double>(parts.row_step[0][k]), static_cast<double>(parts.row_step[1][k])};
  }
  saved.posts = store.posts();
  store.for_each_sent(
      now, [&](Step arrival, const Sent<R>& sent) { saved.sent.emplace_back(arrival, sent); });
  return saved;
}

template <class R>
void load(const Saved<R>& saved, PlasticStore<R>& store) {
  std::size_t n = 0;
  PlasticParts<R> parts = store.parts();
  for_synapses(store, [&](R& w, std::size_t position) {
    parts.synapse.back()[position] = saved.own[n];  // of the weight, if it has no trace of its own
    w = saved.weight[n++];
  });
  const auto rows = store.rows();
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const auto& row = saved.rows.at(rows[k]);
    parts.row[0][k] = static_cast<R>(row[0]);
    parts.row[1][k] = static_cast<R>(row[1]);
    parts.row_step[0][k] = static_cast<Step>(row[2]);
    parts.row_step[1][k] = static_cast<Step>(row[3]);
  }
  store.set_posts(saved.posts);
  for (const auto& [arrival, sent] : saved.sent) {
    store.add_sent(arrival, sent);
  }
}

// Spikes that synapses have still to deliver.
template <class R>
void hand_over(Driver<R>& driver, Step now) {
  driver.now = now;
  for (Step stamp = std::max<Step>(now - longest, 0); stamp <= now; ++stamp) {
    driver.enqueue(stamp, now);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("rows by source: weights and what is sent, for all rules", R, float, double) {
  const Trains trains = random_trains(0.03, 0.03);
  for (Case what : cases_of(PlasticLayout::queued)) {
    for (const bool tie : {true, false}) {
      what.tie = tie;
      what.early = !tie;
      compare<R>(what, trains);
    }
  }
}

// Long after the latest spikes, and with more of them than are kept together.
TEST_CASE_TEMPLATE("rows by source and rows by delay are the same, to the bit", R, float, double) {
  for (const auto& [p_pre, p_post] : {std::pair(0.03, 0.03), {0.004, 0.5}, {0.3, 0.002}}) {
    const Trains trains = random_trains(p_pre, p_post);
    for (Case what : cases_of(PlasticLayout::queued)) {
      CAPTURE(what.rule);
      CAPTURE(p_pre);
      Driver<R> queued(what, trains), by_delay(what, trains);
      use_rows_by_delay(by_delay);
      for (const Step now : {40, 700, 1499}) {
        queued.run(now);
        by_delay.run(now);
        CHECK(weights_of(*queued.store, now) == weights_of(*by_delay.store, now));
        CHECK(queued.input == by_delay.input);
      }
    }
  }
}

// A state may come from either form. One of rows by delay may have spikes that arrived at some of
// a source's rows only. Such sources are apart until they spike again, while others are brought up
// to date for all to see.
TEST_CASE_TEMPLATE("rows by source go on from a state, whatever wrote it", R, float, double) {
  const Trains trains = random_trains(0.06, 0.03);
  constexpr Step saved_at = 700;
  for (Case what : cases_of(PlasticLayout::queued)) {
    for (const bool queued_wrote : {true, false}) {
      for (const bool queued_goes_on : {true, false}) {
        for (const bool finishes : {true, false}) {
          CAPTURE(what.rule);
          CAPTURE(queued_wrote);
          CAPTURE(queued_goes_on);
          CAPTURE(finishes);
          Driver<R> whole(what, trains), second(what, trains);
          if (!queued_wrote) {
            use_rows_by_delay(whole);
          }
          if (!queued_goes_on) {
            use_rows_by_delay(second);
          }
          whole.run(saved_at);
          load(save(*whole.store, saved_at), *second.store);
          hand_over(second, saved_at);
          std::ranges::fill(whole.input, R(0));
          for (const Step now : {saved_at + 1, saved_at + 9, saved_at + 60, Step{1400}}) {
            whole.run(now);
            second.run(now);
            CHECK(second.input == whole.input);
            CHECK(weights_of(*second.store, now) == weights_of(*whole.store, now));
            if (finishes) {
              whole.store->finish(now);
              second.store->finish(now);
            }
          }
        }
      }
    }
  }
}

// Synapses of a pair are summed in the same order, too.
TEST_CASE("rows by source scale weights as rows by delay do, to the bit") {
  const Trains trains = random_trains(0.03, 0.03);
  Case what{PlasticLayout::queued};
  Driver<double> queued(what, trains), by_delay(what, trains);
  std::vector<std::uint32_t> pre, post;
  std::vector<double> weight;
  std::vector<std::uint16_t> delay;
  const Stream stream(77, Purpose::values, 0);
  for (std::uint32_t k = 0; k < 400; ++k) {
    const Words w = stream.words(k, 0);
    pre.push_back(w[0] % n_pre);
    post.push_back(70 + w[1] % 6);
    weight.push_back(uniform(w[2]));
    delay.push_back(static_cast<std::uint16_t>(1 + w[3] % longest));
  }
  const auto table = SynapseTable<double>::from_lists(n_pre, pre, post, weight, delay);
  for (Driver<double>* driver : {&queued, &by_delay}) {
    driver->feed.table = &table;
    driver->store = driver == &queued ? make_plastic_store<double>(PlasticLayout::queued,
                                                                   driver->feed, what.plasticity(),
                                                                   dt, longest + 32, -1, nullptr)
                                      : std::make_unique<HistoryStore<double>>(
                                            driver->feed, what.plasticity(), dt, longest + 32);
    driver->store->start(-1);
    driver->run(300);
    driver->store->finish(300);
  }
  std::vector<double> of_queued(queued.store->targets().size()), of_rows(of_queued.size());
  queued.store->add_weights(of_queued);
  by_delay.store->add_weights(of_rows);
  CHECK(of_queued == of_rows);
  CHECK(of_queued[queued.store->targets().of(70)] > 1);
}

// Spikes of which some synapses have no arrival left, as when weights alone were saved.
TEST_CASE("rows by source leave out what arrived before") {
  Case what{PlasticLayout::queued};
  Trains trains;
  trains.pre[2] = {30, 30, 45};
  trains.post.assign(n_post, {20, 33, 50});
  Driver<double> queued(what, trains), by_delay(what, trains);
  use_rows_by_delay(by_delay);
  for (Driver<double>* driver : {&queued, &by_delay}) {
    driver->now = 42;
    for (const Step stamp : {20, 33}) {
      for (std::uint32_t j = slice_begin; j < n_post; ++j) {
        const Gid gid = post_gid + j;
        driver->store->note_posts({&gid, 1}, post_gid, stamp);
      }
    }
    hand_over(*driver, 42);
    driver->run(400);
  }
  std::vector<double> of_queued, of_by_delay;
  queued.store->finish(400);
  by_delay.store->finish(400);
  for_weights(*queued.store, [&](double w) { of_queued.push_back(w); });
  for_weights(*by_delay.store, [&](double w) { of_by_delay.push_back(w); });
  CHECK(of_queued == of_by_delay);
  CHECK(queued.input == by_delay.input);
  CHECK(std::ranges::any_of(queued.input, [](double x) { return x != 0; }));
  for (const auto which : {Readable::pre, Readable::post}) {
    const auto traces = [&](Driver<double>& driver) {
      std::vector<double> all;
      for (std::uint32_t i = 0; i < n_pre; ++i) {
        std::map<std::pair<std::uint16_t, std::uint32_t>, double> by_place;
        driver.store->visit(pre_gid + i, [&](const SynapseRef<double>& s) {
          by_place[{s.delay, s.target}] =
              driver.store->trace(which, i, slice_begin + s.target - local, s.position, 400);
        });
        for (const auto& [place, value] : by_place) {
          all.push_back(value);
        }
      }
      return all;
    };
    CHECK(traces(queued) == traces(by_delay));
  }
}

// Signed weights go to two channels.
TEST_CASE_TEMPLATE("rows by source send weights to the channel of their sign", R, float, double) {
  const Trains trains = random_trains(0.03, 0.03);
  Case what{PlasticLayout::queued};
  what.rule = "STDP.additive";
  what.parameters = {1.7, 3.4, 0.02, 0.012, -1, 1};
  what.low = -1;
  for (const bool magnitude : {false, true}) {
    CAPTURE(magnitude);
    const auto sent = [&](bool queued) {
      Driver<R> driver(what, trains);
      driver.feed.table = &driver.table;
      driver.feed.ends = {excitatory_channel, excitatory_channel + 1, magnitude};
      driver.feed.one_channel = -1;
      driver.store = make_plastic_store<R>(PlasticLayout::queued, driver.feed,
                                           driver.what.plasticity(), dt, longest + 32, -1, nullptr);
      if (!queued) {
        use_rows_by_delay(driver);
      }
      std::vector<R> down(driver.input.size());
      std::array<R*, max_channels> to{};
      to[excitatory_channel] = driver.input.data();
      to[excitatory_channel + 1] = down.data();
      for (; driver.now < 900; ++driver.now) {
        driver.store->deliver(driver.now, to, true);
        driver.note_posts();
        driver.store->deliver(driver.now, to, false);
        driver.enqueue(driver.now + 1, driver.now + 1);
      }
      return std::pair(driver.input, down);
    };
    const auto [up, down] = sent(true);
    CHECK(sent(false) == std::pair(up, down));
    CHECK(std::ranges::any_of(up, [](R x) { return x > 0; }));
    CHECK(std::ranges::any_of(down, [&](R x) { return magnitude ? x > 0 : x < 0; }));
  }
}

TEST_CASE("rows by source take no more memory than rows by delay") {
  const Trains trains = random_trains(0.03, 0.03);
  Case what{PlasticLayout::queued};
  Driver<float> queued(what, trains), by_delay(what, trains);
  use_rows_by_delay(by_delay);
  CHECK(2 * queued.store->bytes() < by_delay.store->bytes());
  const std::size_t before = queued.store->bytes();
  queued.run(300);
  CHECK(queued.store->parts().row[0].size() == queued.store->rows().size());
  CHECK(queued.store->bytes() > before);  // rows, as long as others may write them
  queued.run(301);
  queued.store->settle(301);
  CHECK(queued.store->bytes() == before);
}

}  // namespace test_network_queued_history
