#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "network/build_table.hpp"
#include "spikelet/core/random.hpp"

namespace test_network_build_table {

namespace {

using namespace spikelet;

constexpr std::size_t n_pre = 17;

// Synapses in order of creation; many pairs occur several times.
struct Lists {
  std::vector<std::uint32_t> pre, post;
  std::vector<double> weight;
  std::vector<std::uint16_t> delay;

  explicit Lists(std::size_t n) {
    const Stream stream(11, Purpose::values, 0);
    for (std::size_t k = 0; k < n; ++k) {
      const Words w = stream.words(k, 0);
      pre.push_back(w[0] % n_pre);
      post.push_back(w[1] % 9);
      weight.push_back(uniform(w[2]) - 0.5);
      delay.push_back(static_cast<std::uint16_t>(1 + w[3] % 4));
    }
  }
  SynapseTable<double> build(int threads, bool weights, bool delays, bool ties_by_delay,
                             std::uint64_t expected = 0) const {
    return build_table<double>(
        n_pre, weights, delays, threads,
        [&](std::size_t part, std::size_t parts, auto&& add) {
          for (std::size_t k = pre.size() * part / parts; k < pre.size() * (part + 1) / parts;
               ++k) {
            add(pre[k], post[k], [&](double* w, std::uint16_t* d) {
              if (w != nullptr) {
                *w = weight[k];
              }
              if (d != nullptr) {
                *d = delay[k];
              }
            });
          }
        },
        ties_by_delay, expected);
  }
};

}  // namespace

TEST_CASE("a table built in parts equals the table of the whole list") {
  for (const std::size_t n : {0u, 1u, 40u, 3000u}) {
    const Lists lists(n);
    const auto expected =
        SynapseTable<double>::from_lists(n_pre, lists.pre, lists.post, lists.weight, lists.delay);
    for (const int threads : {1, 2, 5}) {
      for (const std::uint64_t about : {0u, 100'000u, 100'000'000u}) {  // one group, some, most
        CAPTURE(n);
        CAPTURE(threads);
        CAPTURE(about);
        const auto table = lists.build(threads, true, true, false, about);
        CHECK(table.row == expected.row);
        CHECK(table.post == expected.post);
        CHECK(table.weight == expected.weight);
        CHECK(table.delay == expected.delay);
      }
    }
  }
}

TEST_CASE("a weight or a delay that all synapses share is not set one by one") {
  const Lists lists(200);
  const auto table = lists.build(2, false, false, false);
  CHECK(table.size() == 200);
  CHECK(table.weight.size() == 1);
  CHECK(table.delay.size() == 1);
}

TEST_CASE("synapses of one pair can be sorted by delay, then sign") {
  const Lists lists(3000);
  const auto plain = lists.build(1, true, true, false);
  for (const int threads : {1, 3}) {
    const auto table = lists.build(threads, true, true, true);
    CHECK(table.row == plain.row);
    CHECK(table.post == plain.post);
    for (std::size_t i = 0; i < n_pre; ++i) {
      std::vector<std::tuple<std::uint32_t, std::uint16_t, double>> sorted, created;
      for (std::uint64_t k = table.row[i]; k < table.row[i + 1]; ++k) {
        sorted.emplace_back(table.post[k], table.delay[k], table.weight[k]);
        created.emplace_back(plain.post[k], plain.delay[k], plain.weight[k]);
      }
      std::stable_sort(created.begin(), created.end(), [](const auto& a, const auto& b) {
        return std::tuple(std::get<0>(a), std::get<1>(a), std::get<2>(a) < 0) <
               std::tuple(std::get<0>(b), std::get<1>(b), std::get<2>(b) < 0);
      });
      CHECK(sorted == created);
    }
  }
}

}  // namespace test_network_build_table
