// Rows of 16-bit weights must add exactly what a plain loop over spikes and synapses adds.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "core/levels.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/line.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/network/integer_store.hpp"

namespace test_network_integer_store {

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
  feed.sum_step_up = feed.sum_step_down = 0.25;
  return feed;
}

std::vector<IntegerSums> sums_for(std::size_t channels) {
  std::vector<IntegerSums> sums(channels);
  for (IntegerSums& of : sums) {
    of.resize(n_post, spare);
  }
  return sums;
}

}  // namespace

TEST_CASE_TEMPLATE("a full line has 16 synapses, and a row has no more segments than delays", R,
                   float, double) {
  const auto table = random_table<R>(3, 60'000, 0.25);
  auto sums = sums_for(1);
  const std::vector<Feed<R>> feeds{feed_of(table, 0.25, {0, 0, false})};
  const IntegerStore<R> store(feeds, longest + 32, n_post, sums);
  // At most one line for each source, delay and sign is not full.
  const std::size_t segments = std::size_t{n_pre} * longest * 2;
  CHECK(store.bytes() < 60'000 * 4 + segments * (sizeof(IntegerLine) + 4) + n_pre * 2 * 16 + 64);
}

TEST_CASE(
    "rows with few synapses for each delay are queued, and so are those beyond the reach of "
    "lines") {
  for (const auto& [n, elements, form] :
       {std::tuple{4000u, n_post, IntegerStore<float>::Form::queued},
        std::tuple{90'000u, n_post, IntegerStore<float>::Form::lines},
        std::tuple{90'000u, 70'000u, IntegerStore<float>::Form::queued}}) {
    const auto table = random_table<float>(3, n, 0.25);
    std::vector<IntegerSums> sums(1);
    sums[0].resize(elements, spare);
    const std::vector<Feed<float>> feeds{feed_of(table, 0.25, {0, 0, false})};
    const IntegerStore<float> store(feeds, longest + 32, elements, sums);
    CHECK(store.has(IntegerStore<float>::Form::queued) ==
          (form == IntegerStore<float>::Form::queued));
    CHECK(store.has(IntegerStore<float>::Form::lines) ==
          (form == IntegerStore<float>::Form::lines));
    CHECK(store.copies_weights() == (form == IntegerStore<float>::Form::queued));
    if (form == IntegerStore<float>::Form::queued) {
      CHECK(store.bytes() < std::size_t{n} * 6 + n_pre * 16 + 64);
    }
  }
}

TEST_CASE_TEMPLATE("events of a step are summed exactly, by channel, as 32 or 64 bits", R, float,
                   double) {
  using Form = typename IntegerStore<R>::Form;
  for (const std::size_t times : {1, 25}) {
    const std::array tables{random_table<R>(1, 4000 * times, 0.25),
                            random_table<R>(2, 3000 * times, 2.0)};
    for (const auto& [ends, wide] : {std::pair{Ends{0, 1, false}, false},
                                     {Ends{0, 0, false}, false},
                                     {Ends{0, 1, false}, true}}) {
      std::vector<Feed<R>> feeds{feed_of(tables[0], 0.25, ends), feed_of(tables[1], 2.0, ends)};
      feeds[1].pre_gid = n_pre;
      auto sums = sums_for(2);
      IntegerStore<R> store(feeds, longest + 32, n_post, sums);
      CHECK(store.bytes() > 7000 * 4);
      CHECK(store.has(times == 1 ? Form::queued : Form::lines));
      for (IntegerSums& of : sums) {
        for (int k = 0; wide && k < 32769; ++k) {
          of.expect(7, 65535);
        }
        of.settle();
        CHECK((of.at().wide != nullptr) == wide);
        CHECK((of.at().narrow == nullptr) == wide);
      }
      std::vector<std::pair<Step, Gid>> spikes;
      const Stream stream(5, Purpose::values, 9);
      for (Step step = 0; step < 120; ++step) {
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
              expected[static_cast<std::size_t>(w < 0 ? ends.down : ends.up)][tables[t].post[k]] +=
                  w;
            }
          }
        }
        for (std::size_t c = 0; c < 2; ++c) {
          constexpr std::size_t blocks = (n_post + 63) / 64 * 64;
          std::vector<double> found(blocks);  // and the sums are 0 again
          kernels().add_sums<double>()(sums[c].at(), 0, blocks, 0.25, found.data());
          for (std::size_t i = 0; i < n_post; ++i) {
            REQUIRE(found[i] == expected[c][i]);
          }
        }
        std::vector<Gid> now;
        for (Gid source = 0; source < 2 * n_pre; ++source) {
          if (stream.words(static_cast<std::uint64_t>(step), source)[0] % 20 == 0) {
            now.push_back(source);
            spikes.emplace_back(step + 1, source);
          }
        }
        store.enqueue_all(now, step + 1, step + 1);
      }
      CHECK(spikes.size() > 400);
    }
  }
}

TEST_CASE("weights are visited, and can be set") {
  const auto table = random_table<float>(3, 2000, 0.25);
  std::vector<Feed<float>> feeds{feed_of(table, 0.25, {})};
  auto sums = sums_for(2);
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

TEST_CASE("delays of both signs may be as long as any") {
  const std::vector<std::uint32_t> pre{0, 0, 0, 0}, post{0, 1, 2, 3};
  const std::vector<float> weight{1.0f, -1.0f, 2.0f, -2.0f};
  const std::vector<std::uint16_t> delay{1, 65'535, 40'000, 32'769};
  const auto table = SynapseTable<float>::from_lists(1, pre, post, weight, delay);
  Feed<float> feed = feed_of(table, 0.25, {0, 0, false});
  feed.sources = 1;
  auto sums = sums_for(1);
  IntegerStore<float> store({&feed, 1}, 65'535 + 32, n_post, sums);
  REQUIRE(store.has(IntegerStore<float>::Form::queued));
  store.enqueue(0, 1, 1);
  std::array<Step, 4> arrived{};
  const std::array<float*, 1> none{};
  for (Step step = 1; step <= 65'535; ++step) {
    store.deliver(step, none, true);
    store.deliver(step, none, false);
    for (std::size_t i = 0; i < 4; ++i) {
      if (arrived[i] == 0 && sums[0].at().narrow[i] != 0) {
        arrived[i] = step;
      }
    }
  }
  CHECK(arrived == std::array<Step, 4>{1, 65'535, 40'000, 32'769});
  store.visit(0, [&](const SynapseRef<float>& synapse) {
    CHECK(synapse.delay == delay[synapse.target]);
    CHECK(synapse.value() == weight[synapse.target]);
  });
}

TEST_CASE("a store says what its sums may reach") {
  // 2000 synapses from each of 50 sources, so at least 6 synapses with 65535 << 13 onto a target.
  const auto table = random_table<float>(4, 2000, 0.25);
  for (const int shift : {0, 13}) {
    std::vector<Feed<float>> feeds{feed_of(table, 0.25, {0, 0, false})};
    feeds[0].sum_step_up = feeds[0].sum_step_down = std::ldexp(0.25, -shift);
    auto sums = sums_for(1);
    const IntegerStore<float> store(feeds, longest + 32, n_post, sums);
    sums[0].settle();
    CHECK((sums[0].at().wide != nullptr) == (shift == 13));
  }
}

TEST_CASE("rows onto nodes whose sums have other steps are apart") {
  const std::array tables{random_table<float>(1, 4000, 0.25), random_table<float>(2, 3000, 0.25)};
  std::vector<Feed<float>> feeds{feed_of(tables[0], 0.25, {}), feed_of(tables[1], 0.25, {})};
  feeds[1].local = n_post;  // another node in the partition
  for (const double finer : {1.0, 0.25}) {
    feeds[1].sum_step_up = feeds[1].sum_step_down = 0.25 * finer;
    std::vector<IntegerSums> sums(2);
    for (IntegerSums& of : sums) {
      of.resize(std::size_t{2} * n_post, spare);
    }
    IntegerStore<float> store(feeds, longest + 32, 2 * n_post, sums);
    std::array<double, 2> given{}, found{};
    for (std::size_t t = 0; t < 2; ++t) {
      for (const float w : tables[t].weight) {
        given[t] += w;
      }
    }
    for (Gid source = 0; source < n_pre; ++source) {
      store.visit(source, [&](const SynapseRef<float>& synapse) {
        found[synapse.target < n_post ? 0 : 1] += synapse.value();
      });
      store.enqueue_all(std::array{source}, 1, 1);
    }
    CHECK(found == given);
    std::array<double, 2> arrived{};
    std::array<float*, 2> none{};
    for (Step step = 0; step < longest + 1; ++step) {
      store.deliver(step, {}, true);
      store.deliver(step, none, false);
    }
    constexpr std::size_t blocks = (2 * n_post + 63) / 64 * 64;
    for (const IntegerSums& of : sums) {
      std::vector<double> all(blocks);
      kernels().add_sums<double>()(of.at(), 0, blocks, 1.0, all.data());
      for (std::size_t i = 0; i < 2 * n_post; ++i) {
        arrived[i < n_post ? 0 : 1] += all[i] * (i < n_post ? 0.25 : 0.25 * finer);
      }
    }
    CHECK(arrived == given);
  }
}

}  // namespace test_network_integer_store
