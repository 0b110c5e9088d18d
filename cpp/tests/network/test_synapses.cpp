#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/synapses.hpp"

namespace test_network_synapses {

namespace {

using namespace spikelet;

struct Lists {
  std::vector<std::uint32_t> pre, post;
  std::vector<double> weight;
  std::vector<std::uint16_t> delay;
};

// ascending: the sources ascend, so that they are rows already.
Lists random_lists(std::size_t n, std::uint32_t n_pre, std::uint32_t n_post,
                   bool ascending = false) {
  const Stream stream(17, Purpose::values, static_cast<std::uint32_t>(n));
  Lists lists;
  for (std::size_t k = 0; k < n; ++k) {
    const Words w = stream.words(k, 0);
    lists.pre.push_back(w[0] % n_pre);
    lists.post.push_back(w[1] % n_post);
    lists.weight.push_back(static_cast<double>(k));  // names the order of creation
    lists.delay.push_back(static_cast<std::uint16_t>(1 + w[2] % 30));
  }
  if (ascending) {
    std::ranges::sort(lists.pre);
  }
  return lists;
}

}  // namespace

TEST_CASE("synapses come in order of source, target, creation") {
  for (const auto& [n, ascending] : {std::pair{0u, false},
                                     {1u, false},
                                     {2u, false},
                                     {50u, false},
                                     {3000u, false},
                                     {2u, true},
                                     {50u, true},
                                     {3000u, true}}) {
    CAPTURE(n);
    CAPTURE(ascending);
    const Lists lists = random_lists(n, 20, 15, ascending);
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::tuple(lists.pre[a], lists.post[a], a) <
             std::tuple(lists.pre[b], lists.post[b], b);
    });
    const auto table =
        SynapseTable<double>::from_lists(20, lists.pre, lists.post, lists.weight, lists.delay);
    REQUIRE(table.size() == n);
    REQUIRE(table.row.size() == 21);
    CHECK(table.row.front() == 0);
    CHECK(table.row.back() == n);
    int wrong = 0;
    for (std::size_t i = 0; i < 20; ++i) {
      for (std::size_t k = table.row[i]; k < table.row[i + 1]; ++k) {
        const std::size_t from = order[k];
        wrong += lists.pre[from] != i || lists.post[from] != table.post[k] ||
                         lists.weight[from] != table.weight_of(k) ||
                         lists.delay[from] != table.delay_of(k)
                     ? 1
                     : 0;
      }
    }
    CHECK(wrong == 0);
    for (const int threads : {2, 3, 7}) {
      const auto same = SynapseTable<double>::from_lists(20, lists.pre, lists.post, lists.weight,
                                                         lists.delay, threads);
      CHECK(same.row == table.row);
      CHECK(std::ranges::equal(same.post, table.post));
      CHECK(std::ranges::equal(same.weight, table.weight));
      CHECK(std::ranges::equal(same.delay, table.delay));
    }
  }
}

TEST_CASE("one weight and one delay for all are stored once") {
  const Lists lists = random_lists(40, 5, 5);
  const std::vector<double> weight{2.5};
  const std::vector<std::uint16_t> delay{7};
  const auto table = SynapseTable<double>::from_lists(5, lists.pre, lists.post, weight, delay);
  CHECK(table.weight.size() == 1);
  CHECK(table.delay.size() == 1);
  CHECK(table.weight_of(39) == 2.5);
  CHECK(table.delay_of(39) == 7);
}

TEST_CASE("no sources, or sources without synapses") {
  const auto none = SynapseTable<float>::from_lists(0, {}, {}, {}, {});
  CHECK(none.size() == 0);
  CHECK(none.row.size() == 1);
  const std::vector<std::uint32_t> pre{2}, post{9};
  const std::vector<float> weight{1};
  const std::vector<std::uint16_t> delay{1};
  const auto one = SynapseTable<float>::from_lists(4, pre, post, weight, delay);
  CHECK(one.row == std::vector<std::uint64_t>{0, 0, 0, 1, 1});
}

}  // namespace test_network_synapses
