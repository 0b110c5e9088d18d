// Rows of 16-bit weights must add exactly what a plain loop over spikes and synapses adds.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "spikelet/core/line.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/network/integer_store.hpp"

namespace {

using namespace spikelet;

constexpr std::uint32_t n_pre = 50, n_post = 300;
constexpr Step longest = 40;

template <class R>
SynapseTable<R> random_table(std::uint32_t object, std::size_t n, double step) {
  const Stream stream(31, Purpose::values, object);
  std::vector<std::uint32_t> pre, post;
  std::vector<R> weight;
  std::vector<std::uint16_t> delay;
  for (std::size_t k = 0; k < n; ++k) {
    const Words w = stream.words(k, 0);
    pre.push_back(w[0] % n_pre);
    post.push_back(w[1] % n_post);
    weight.push_back(static_cast<R>(on_grid(300 * uniform(w[2]) - 100, step)));
    delay.push_back(static_cast<std::uint16_t>(1 + w[3] % longest));
  }
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

template <class R>
Feed<R> feed_of(const SynapseTable<R>& table, double step, Ends ends) {
  Feed<R> feed;
  feed.table = &table;
  feed.sources = n_pre;
  feed.post_end = n_post;
  feed.ends = ends;
  feed.step = step;
  return feed;
}

}  // namespace

TEST_CASE_TEMPLATE("a full line has 16 synapses, and a row has no more segments than delays", R,
                   float, double) {
  const auto table = random_table<R>(3, 60'000, 0.25);
  std::vector<IntegerSums> sums(1);
  sums[0].step = 0.25;
  sums[0].value.resize(n_post + spare);
  sums[0].most.resize(n_post);
  const std::vector<Feed<R>> feeds{feed_of(table, 0.25, {0, 0, false})};
  const IntegerStore<R> store(feeds, longest + 32, n_post, sums);
  // At most one line for each source, delay and sign is not full.
  const std::size_t segments = std::size_t{n_pre} * longest * 2;
  CHECK(store.bytes() < 60'000 * 4 + segments * (sizeof(IntegerLine) + 4) + n_pre * 2 * 16 + 64);
}

TEST_CASE_TEMPLATE("events of a step are summed exactly, by channel", R, float, double) {
  const std::array tables{random_table<R>(1, 4000, 0.25), random_table<R>(2, 3000, 2.0)};
  for (const Ends ends : {Ends{0, 1, false}, Ends{0, 0, false}}) {
    std::vector<Feed<R>> feeds{feed_of(tables[0], 0.25, ends), feed_of(tables[1], 2.0, ends)};
    feeds[1].pre_gid = n_pre;
    std::vector<IntegerSums> sums(2);
    for (IntegerSums& of : sums) {
      of.step = 0.25;
      of.value.resize(n_post + spare);
      of.most.resize(n_post);
    }
    IntegerStore<R> store(feeds, longest + 32, n_post, sums);
    CHECK(store.bytes() > 7000 * 4);
    std::vector<std::pair<Step, Gid>> spikes;
    const Stream stream(5, Purpose::values, 9);
    for (Step step = 0; step < 120; ++step) {
      for (auto& of : sums) {
        std::fill(of.value.begin(), of.value.end(), 0u);
      }
      store.deliver(step, {}, true);
      std::array<R*, 2> none{};
      store.deliver(step, none, false);
      std::array<std::vector<double>, 2> expected{std::vector<double>(n_post),
                                                  std::vector<double>(n_post)};
      for (const auto& [stamp, source] : spikes) {
        const std::size_t t = source / n_pre;
        for (auto k = tables[t].row[source % n_pre]; k < tables[t].row[source % n_pre + 1]; ++k) {
          if (stamp + tables[t].delay_of(k) == step + 1) {
            const R w = tables[t].weight_of(k);
            expected[static_cast<std::size_t>(w < 0 ? ends.down : ends.up)][tables[t].post[k]] += w;
          }
        }
      }
      for (std::size_t c = 0; c < 2; ++c) {
        for (std::size_t i = 0; i < n_post; ++i) {
          REQUIRE(0.25 * static_cast<std::int32_t>(sums[c].value[i]) == expected[c][i]);
        }
      }
      std::vector<Gid> now;
      for (Gid source = 0; source < 2 * n_pre; ++source) {
        if (stream.words(static_cast<std::uint64_t>(step), source)[0] % 20 == 0) {
          now.push_back(source);
          spikes.emplace_back(step + 1, source);
        }
      }
      const std::vector<Step> stamps(now.size(), step + 1);
      store.enqueue_all({stamps, now}, step + 1);
    }
    CHECK(spikes.size() > 400);
  }
}

TEST_CASE("weights are visited, and can be set") {
  const auto table = random_table<float>(3, 2000, 0.25);
  std::vector<Feed<float>> feeds{feed_of(table, 0.25, {})};
  std::vector<IntegerSums> sums(2);
  for (IntegerSums& of : sums) {
    of.step = 0.25;
    of.value.resize(n_post + spare);
    of.most.resize(n_post);
  }
  IntegerStore<float> store(feeds, longest + 32, n_post, sums);
  double given = 0, found = 0;
  std::size_t count = 0;
  for (const float w : table.weight) {
    given += w;
  }
  const auto walk = [&](auto&& see) {
    for (Gid source = 0; source < n_pre; ++source) {
      store.visit(source, [&](const SynapseRef<float>& synapse) { see(synapse); });
    }
  };
  walk([&](const SynapseRef<float>& synapse) {
    found += synapse.value();
    CHECK((synapse.value() < 0) == (synapse.sign < 0));
    ++count;
    synapse.set(synapse.sign < 0 ? -2.5f : 7.25f);
  });
  CHECK(found == given);
  CHECK(count == table.size());
  walk([](const SynapseRef<float>& synapse) {
    CHECK(synapse.value() == (synapse.sign < 0 ? -2.5f : 7.25f));
  });
}

TEST_CASE("a sum that might overflow is refused") {
  const auto table = random_table<float>(4, 2000, 0.25);
  std::vector<Feed<float>> feeds{feed_of(table, 0.25, {})};
  std::vector<IntegerSums> sums(2);
  for (IntegerSums& of : sums) {
    of.step = std::ldexp(0.25, -14);  // of another projection
    of.value.resize(n_post + spare);
    of.most.resize(n_post);
  }
  CHECK_THROWS_AS(IntegerStore<float>(feeds, longest + 32, n_post, sums), std::length_error);
}
