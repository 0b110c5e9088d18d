// Lines and queued rows must deliver what a plain loop over spikes and synapses adds, bit for bit:
// the order of additions to a target is (stamp, source, projection, position in the row).
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <tuple>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/static_store.hpp"

namespace test_network_static_store {

namespace {

using namespace spikelet;

constexpr std::uint32_t sources = 40, local_size = 448;  // of which 300 are targets

template <class R>
SynapseTable<R> random_table(std::uint32_t object, std::uint32_t n_pre, std::size_t n,
                             std::uint32_t n_post, std::uint32_t delays,
                             std::uint32_t stretch = 1) {
  const Stream stream(23, Purpose::values, object);
  std::vector<std::uint32_t> pre, post;
  std::vector<R> weight;
  std::vector<std::uint16_t> delay;
  for (std::size_t k = 0; k < n; ++k) {
    const Words w = stream.words(k, 0);
    pre.push_back(w[0] % n_pre);
    post.push_back(w[1] % n_post);
    weight.push_back(static_cast<R>(3 * uniform(w[2]) - 1));
    delay.push_back(static_cast<std::uint16_t>(1 + stretch * (w[3] % delays)));
  }
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

struct Spike {
  Step stamp;
  Gid source;
};

template <class R>
using Inputs = std::array<std::vector<R>, max_channels>;

template <class R>
struct Case {
  std::vector<SynapseTable<R>> tables;
  std::vector<Feed<R>> feeds;

  void add(SynapseTable<R> table, Gid pre_gid, std::uint32_t begin, std::uint32_t end,
           std::uint32_t local) {
    tables.push_back(std::move(table));
    Feed<R>& feed = feeds.emplace_back();
    feed.projection = feeds.size() - 1;
    feed.pre_gid = pre_gid;
    feed.post_begin = begin;
    feed.post_end = end;
    feed.local = local;
    for (std::size_t k = 0; k < feeds.size(); ++k) {
      feeds[k].table = &tables[k];
      feeds[k].sources = static_cast<std::uint32_t>(tables[k].row.size() - 1);
    }
  }

  // Additions of one step by a plain loop.
  void naive(Step step, const std::vector<Spike>& spikes, Inputs<R>& input) const {
    std::vector<const Feed<R>*> order;
    for (const Feed<R>& feed : feeds) {
      order.push_back(&feed);
    }
    std::stable_sort(order.begin(), order.end(),
                     [](auto* a, auto* b) { return a->pre_gid < b->pre_gid; });
    for (const Spike& spike : spikes) {
      for (const Feed<R>* feed : order) {
        const SynapseTable<R>& table = *feed->table;
        const std::size_t i = spike.source - feed->pre_gid;
        if (spike.source < feed->pre_gid || i + 1 >= table.row.size()) {
          continue;
        }
        for (std::size_t k = table.row[i]; k < table.row[i + 1]; ++k) {
          if (table.post[k] >= feed->post_begin && table.post[k] < feed->post_end &&
              spike.stamp + table.delay_of(k) == step + 1) {
            const R w = table.weight_of(k);
            const auto channel = static_cast<std::size_t>(feed->channel_of(w));
            input[channel][feed->local + (table.post[k] - feed->post_begin)] += feed->sent(w);
          }
        }
      }
    }
  }

  std::size_t synapses_here() const {
    std::size_t n = 0;
    for (const Feed<R>& feed : feeds) {
      for (const std::uint32_t post : feed.table->post) {
        n += post >= feed.post_begin && post < feed.post_end ? 1 : 0;
      }
    }
    return n;
  }
};

std::vector<Spike> random_spikes(Step steps, double p) {
  std::vector<Spike> spikes;
  for (Step stamp = 1; stamp <= steps; ++stamp) {
    for (Gid source = 0; source < sources; ++source) {
      if (uniform(Stream(5, Purpose::values, 50).at(source, stamp)[0]) < p) {
        spikes.push_back({stamp, source});
      }
    }
  }
  return spikes;
}

template <class R>
void deliver(StaticStore<R>& store, Step step, Inputs<R>& input) {
  std::array<R*, max_channels> pointers;
  std::ranges::transform(input, pointers.begin(),
                         [](std::vector<R>& buffer) { return buffer.data(); });
  store.deliver(step, pointers, true);
  store.deliver(step, pointers, false);
}

// Runs store and plain loop side by side; the buffers are never cleared, so every rounding counts.
template <class R>
void compare(const Case<R>& network, StaticStore<R>& store, const std::vector<Spike>& spikes,
             Step steps, std::size_t size = local_size) {
  Inputs<R> got, expected;
  for (std::size_t c = 0; c < max_channels; ++c) {
    got[c].assign(size + spare, R(0.1));
    expected[c] = got[c];
  }
  int wrong = 0;
  auto next = spikes.begin();
  for (Step step = 0; step < steps; ++step) {
    for (; next != spikes.end() && next->stamp <= step; ++next) {
      store.enqueue(next->source, next->stamp, step);
    }
    deliver(store, step, got);
    network.naive(step, spikes, expected);
    for (std::size_t c = 0; c < max_channels; ++c) {
      wrong += std::memcmp(got[c].data(), expected[c].data(), size * sizeof(R)) != 0 ? 1 : 0;
    }
  }
  CHECK(wrong == 0);
}

template <class R>
StaticStore<R> make_store(const Case<R>& network, std::size_t longest) {
  return StaticStore<R>(network.feeds, longest + 32, local_size);
}

}  // namespace

TEST_CASE_TEMPLATE("dense rows are lines, sparse ones are queued, and both add the same bits", R,
                   float, double) {
  for (const bool dense : {true, false}) {
    CAPTURE(dense);
    Case<R> network;
    const std::size_t n = dense ? 20000 : 600;
    // Three projections onto a slice, of two source populations, and targets outside the slice.
    network.add(random_table<R>(1, 25, n, 300, dense ? 3 : 20), 0, 64, 250, 10);
    network.add(random_table<R>(2, 15, n, 100, dense ? 3 : 20), 25, 0, 100, 300);
    network.add(random_table<R>(3, 25, n / 2, 40, dense ? 3 : 20), 0, 0, 40, 200);
    auto store = make_store(network, 20);
    const auto form = dense ? StaticStore<R>::Form::lines : StaticStore<R>::Form::queued;
    CHECK(store.form(excitatory_channel) == form);
    CHECK(store.form(inhibitory_channel) == form);
    compare(network, store, random_spikes(100, 0.1), 130);
    CHECK(store.bytes() >= network.synapses_here() * (sizeof(R) + 2));
  }
}

TEST_CASE_TEMPLATE("the channel follows sign, receptor and kind of model", R, float, double) {
  for (int variant = 0; variant < 5; ++variant) {
    CAPTURE(variant);
    Case<R> network;
    network.add(random_table<R>(4, sources, 8000, 300, 4), 0, 0, 300, 0);
    Feed<R>& feed = network.feeds[0];
    constexpr Ends variants[]{{early_channel, early_channel},
                              {excitatory_channel, inhibitory_channel, true},
                              {excitatory_channel, excitatory_channel},
                              {inhibitory_channel, inhibitory_channel},
                              {4, 6}};
    feed.ends = variants[variant];
    auto store = make_store(network, 4);
    compare(network, store, random_spikes(40, 0.1), 50);
  }
}

TEST_CASE_TEMPLATE("blocks that early events reached are marked where these are few", R, float,
                   double) {
  Case<R> network;
  network.add(random_table<R>(4, sources, 8000, 300, 4), 0, 0, 300, 0);
  network.feeds[0].ends = {early_channel, early_channel};
  auto store = make_store(network, 4);
  REQUIRE(store.form(early_channel) == StaticStore<R>::Form::lines);
  Inputs<R> input;
  std::ranges::fill(input, std::vector<R>(local_size + spare));
  std::size_t marked = 0, unknown = 0;
  for (Step step = 1; step < 60; ++step) {
    for (Gid source = 0; step % 7 == 0 && source < (step % 14 == 0 ? sources : 1); ++source) {
      store.enqueue(source, step, step);
    }
    std::ranges::fill(input[early_channel], R(0));
    deliver(store, step, input);
    std::uint64_t blocks[1]{};
    if (!store.mark_reached(blocks)) {
      ++unknown;
      continue;
    }
    for (std::size_t i = 0; i < local_size; ++i) {
      if (input[early_channel][i] != 0) {
        ++marked;
        CHECK((blocks[0] >> (i / block_size) & 1) == 1);
      }
    }
    CHECK((blocks[0] == 0 || step >= 7));
  }
  CHECK(marked > 100);
  CHECK(unknown > 3);  // many lines

  Case<R> sparse;
  sparse.add(random_table<R>(5, sources, 300, 300, 20), 0, 0, 300, 0);
  sparse.feeds[0].ends = {early_channel, early_channel};
  auto queued = make_store(sparse, 20);
  REQUIRE(queued.form(early_channel) == StaticStore<R>::Form::queued);
  std::uint64_t blocks[1]{};
  CHECK(!queued.mark_reached(blocks));
}

TEST_CASE_TEMPLATE("delays of thousands of steps", R, float, double) {
  Case<R> network;
  network.add(random_table<R>(6, sources, 2000, 300, 60, 101), 0, 0, 300, 7);
  auto store = make_store(network, 6000);
  compare(network, store, random_spikes(300, 0.02), 6400);
}

TEST_CASE_TEMPLATE("rows of one weight are lines of targets, and add the same bits", R, float,
                   double) {
  Case<R> network;
  const R weights[] = {R(0.3), R(0.7), R(-1.1)};
  for (std::uint32_t k = 0; k < 3; ++k) {  // two projections from the same sources: lines break
    SynapseTable<R> table = random_table<R>(30 + k, 25, 6000, 300, 2);
    table.weight.assign(1, weights[k]);
    network.add(std::move(table), k < 2 ? 0 : 25, 0, k == 1 ? 200 : 300, 10 * k);
  }
  auto store = make_store(network, 4);
  CHECK(store.form(excitatory_channel) == StaticStore<R>::Form::one_weight);
  CHECK(store.form(inhibitory_channel) == StaticStore<R>::Form::one_weight);
  compare(network, store, random_spikes(100, 0.1), 130);
  std::size_t shared = 0;
  for (Gid source = 0; source < 50; ++source) {
    store.visit(source, [&](const SynapseRef<R>& synapse) { shared += synapse.shared ? 1 : 0; });
  }
  CHECK(shared == network.synapses_here());
}

TEST_CASE_TEMPLATE("segments longer than their 16-bit counter", R, float, double) {
  for (const bool queued : {false, true}) {
    CAPTURE(queued);
    Case<R> network;
    network.add(random_table<R>(7, 1, 150000, 300, 1), 6, 0, 300, 0);
    const std::uint32_t singles = queued ? 150000 : 1;
    if (queued) {  // many rows of one synapse tip the balance
      std::vector<std::uint32_t> pre, post(singles, 3);
      for (std::uint32_t i = 0; i < singles; ++i) {
        pre.push_back(i);
      }
      const std::vector<R> weight{R(0.5)};
      const std::vector<std::uint16_t> delay{2};
      network.add(SynapseTable<R>::from_lists(singles, pre, post, weight, delay), 5, 0, 300, 0);
    }
    auto store = make_store(network, 2);
    CHECK(store.form(excitatory_channel) ==
          (queued ? StaticStore<R>::Form::queued : StaticStore<R>::Form::lines));
    compare(network, store, {{1, 5}, {2, 5}, {2, 6}, {4, 5}}, 8);
  }
}

TEST_CASE_TEMPLATE("a store knows between which sources all with synapses lie", R, float, double) {
  for (const std::size_t n : {300u, 20000u}) {  // queued, and lines
    Case<R> network;
    network.add(random_table<R>(8, sources, n, 300, 5), 700, 0, 300, 0);
    auto store = make_store(network, 5);
    CHECK(store.waits());
    Gid first = 0xffffffffu, last = 0;
    for (Gid source = 0; source < 700 + 2 * sources; ++source) {
      store.visit(source, [&](const SynapseRef<R>&) {
        first = std::min(first, source);
        last = std::max(last, source);
      });
    }
    CHECK(store.sources().first == first);
    CHECK(store.sources().last == last);
  }
  Case<R> empty;
  empty.add(random_table<R>(8, sources, 0, 300, 5), 700, 0, 300, 0);
  const GidRange none = make_store(empty, 5).sources();
  CHECK(none.first > none.last);
}

TEST_CASE_TEMPLATE("a walk over some targets visits what a walk over all visits there", R, float,
                   double) {
  using Form = typename StaticStore<R>::Form;
  for (const Form form : {Form::lines, Form::one_weight, Form::queued}) {
    Case<R> network;
    SynapseTable<R> table = random_table<R>(8, sources, form == Form::queued ? 300 : 20000, 300, 5);
    if (form == Form::one_weight) {
      table.weight.assign(1, R(2));
    }
    network.add(std::move(table), 0, 50, 250, 20);
    auto store = make_store(network, 5);
    CHECK(store.has(form));
    std::size_t found = 0;
    for (const LocalRange targets :
         {LocalRange{20, 21}, {100, 140}, {219, 220}, {7, 7}, {0, 400}}) {
      for (Gid source = 0; source < sources; ++source) {
        std::vector<std::tuple<std::uint32_t, Step, int, R*>> all, some;
        const auto into = [](auto& to, const SynapseRef<R>& s) {
          to.emplace_back(s.target, s.delay, s.channel, s.weight);
        };
        store.visit(source, [&](const SynapseRef<R>& s) {
          if (s.target >= targets.begin && s.target < targets.end) {
            into(all, s);
          }
        });
        store.visit_within(source, targets, [&](const SynapseRef<R>& s) { into(some, s); });
        CHECK(some == all);
        found += some.size();
      }
    }
    CHECK(found > network.synapses_here());
  }
}

TEST_CASE_TEMPLATE("a walk visits each synapse once, by channel and, in lines, by delay", R, float,
                   double) {
  for (const std::size_t n : {300u, 20000u}) {
    Case<R> network;
    network.add(random_table<R>(8, sources, n, 300, 5), 0, 50, 250, 20);
    auto store = make_store(network, 5);
    const bool lines = store.has(StaticStore<R>::Form::lines);
    CHECK(lines == (n > 300));
    double sum = 0, expected = 0;
    std::size_t count = 0;
    for (Gid source = 0; source < sources; ++source) {
      std::pair<int, int> last{0, 0};
      store.visit(source, [&](const SynapseRef<R>& synapse) {
        const std::pair<int, int> key{synapse.channel, lines ? synapse.delay : 0};
        CHECK(key >= last);
        last = key;
        CHECK(synapse.target >= 20);
        CHECK(synapse.target < 220);
        CHECK(synapse.channel == (*synapse.weight < 0 ? inhibitory_channel : excitatory_channel));
        sum += static_cast<double>(*synapse.weight) * synapse.delay * synapse.target;
        ++count;
      });
    }
    const SynapseTable<R>& table = network.tables[0];
    for (std::size_t k = 0; k < table.size(); ++k) {
      if (table.post[k] >= 50 && table.post[k] < 250) {
        expected +=
            static_cast<double>(table.weight_of(k)) * table.delay_of(k) * (table.post[k] - 30);
      }
    }
    CHECK(count == network.synapses_here());
    CHECK(sum == doctest::Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("arrivals before `from` are left out, and clear forgets everything") {
  Case<float> network;
  network.add(random_table<float>(9, sources, 4000, 300, 10), 0, 0, 300, 0);
  auto cut = make_store(network, 10), cleared = make_store(network, 10);
  cut.enqueue(3, 1, 5);  // arrivals of steps 1 to 4 were delivered before
  cleared.enqueue(3, 1, 1);
  cleared.clear();
  for (Step step = 1; step < 12; ++step) {
    Inputs<float> got, none, expected;
    for (std::size_t c = 0; c < max_channels; ++c) {
      got[c] = none[c] = expected[c] = std::vector<float>(local_size + spare);
    }
    if (step >= 5) {
      deliver(cut, step, got);
      network.naive(step, {{1, 3}}, expected);
      CHECK(got == expected);
    }
    deliver(cleared, step, none);
    CHECK(none[0] == std::vector<float>(local_size + spare));
  }
}

TEST_CASE_TEMPLATE("targets of a wide partition need more than 16 bits, in each form", R, float,
                   double) {
  constexpr std::uint32_t elements = 400'000;
  for (const std::size_t n : {300u, 20000u}) {
    Case<R> network;
    network.add(random_table<R>(10, 25, n, 300, 5), 0, 0, 300, 70'000);
    network.add(random_table<R>(11, 25, n, 300, 5), 0, 0, 300, elements - 300);
    network.add(random_table<R>(12, sources, n, 300, 5), 0, 100, 300, 64);
    StaticStore<R> store(network.feeds, 5 + 32, elements);
    CHECK(store.has(n > 300 ? StaticStore<R>::Form::lines : StaticStore<R>::Form::queued));
    compare(network, store, random_spikes(30, 0.1), 40, elements);
  }
}

TEST_CASE_TEMPLATE("more targets than lines can reach have queued rows, however full", R, float,
                   double) {
  constexpr std::uint32_t elements = 700'000;
  Case<R> network;
  network.add(random_table<R>(10, 25, 20'000, 300, 5), 0, 0, 300, 70'000);
  network.add(random_table<R>(11, 25, 20'000, 300, 5), 0, 0, 300, elements - 300);
  network.add(random_table<R>(12, sources, 300, 300, 5), 0, 100, 300, 64);
  StaticStore<R> store(network.feeds, 5 + 32, elements);
  CHECK(!store.has(StaticStore<R>::Form::lines));
  compare(network, store, random_spikes(30, 0.1), 40, elements);
}

TEST_CASE_TEMPLATE("one weight in a wide partition", R, float, double) {
  Case<R> network;
  SynapseTable<R> table = random_table<R>(13, 25, 9000, 300, 2);
  table.weight.assign(1, R(0.3));
  network.add(std::move(table), 0, 0, 300, 70'000);
  StaticStore<R> store(network.feeds, 2 + 32, 80'000);
  CHECK(store.form(excitatory_channel) == StaticStore<R>::Form::lines);
  compare(network, store, random_spikes(30, 0.1), 40, 80'000);
}

TEST_CASE("only queued events have copies of their weights") {
  Case<float> sparse, dense;
  sparse.add(random_table<float>(5, sources, 300, 300, 20), 0, 0, 300, 0);
  dense.add(random_table<float>(5, sources, 20000, 300, 3), 0, 0, 300, 0);
  CHECK(make_store(sparse, 20).copies_weights());
  CHECK(!make_store(dense, 3).copies_weights());
}

TEST_CASE_TEMPLATE("more events in flight than one block of a list holds", R, float, double) {
  Case<R> network;
  network.add(random_table<R>(14, sources, 6000, 300, 90), 0, 0, 300, 0);
  auto store = make_store(network, 90);
  REQUIRE(store.has(StaticStore<R>::Form::queued));
  compare(network, store, random_spikes(150, 0.9), 260);
}

}  // namespace test_network_static_store
