#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/synapse_stream.hpp"

namespace test_network_synapse_stream {

namespace {

using namespace spikelet;

constexpr std::uint32_t n_pre = 13, n_post = 300;

// Synapses in order of creation; many pairs occur several times.
struct Lists {
  std::vector<std::uint32_t> pre, post;
  std::vector<double> weight;
  std::vector<std::uint16_t> delay;

  explicit Lists(std::size_t n) {
    const Stream stream(5, Purpose::values, 0);
    for (std::size_t k = 0; k < n; ++k) {
      const Words w = stream.words(k, 0);
      pre.push_back(w[0] % n_pre);
      post.push_back(w[1] % n_post);
      weight.push_back(uniform(w[2]));
      delay.push_back(static_cast<std::uint16_t>(1 + w[3] % 4));
    }
  }
};

template <class T>
std::span<const T> part(const std::vector<T>& values, std::size_t begin, std::size_t end) {
  return values.size() == 1 ? std::span<const T>(values)
                            : std::span<const T>(values).subspan(begin, end - begin);
}

template <class Visit>
void in_blocks(std::size_t n, std::size_t block, Visit&& visit) {
  for (std::size_t begin = 0; begin < n; begin += block) {
    visit(begin, std::min(begin + block, n));
  }
}

SynapseTable<double> streamed(const Lists& lists, std::size_t counted, std::size_t placed,
                              Range own, int threads) {
  const std::size_t n = lists.pre.size();
  SynapseStream<double> stream(n_pre, n_post, own);
  in_blocks(n, counted, [&](std::size_t a, std::size_t b) {
    stream.count(part(lists.pre, a, b), part(lists.post, a, b));
  });
  CHECK(stream.total() == n);
  in_blocks(n, placed, [&](std::size_t a, std::size_t b) {
    stream.place(part(lists.pre, a, b), part(lists.post, a, b), part(lists.weight, a, b),
                 part(lists.delay, a, b));
  });
  return stream.take(threads);
}

void check_same(const SynapseTable<double>& a, const SynapseTable<double>& b) {
  REQUIRE(a.size() == b.size());
  CHECK(a.row == b.row);
  CHECK(std::ranges::equal(a.post, b.post));
  int wrong = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    wrong += a.weight_of(k) != b.weight_of(k) || a.delay_of(k) != b.delay_of(k) ? 1 : 0;
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("blocks of any size give the table that whole lists give") {
  for (const std::size_t n : {0u, 1u, 2u, 700u}) {
    CAPTURE(n);
    const Lists lists(n);
    const auto whole =
        SynapseTable<double>::from_lists(n_pre, lists.pre, lists.post, lists.weight, lists.delay);
    for (const auto& [counted, placed, threads] :
         {std::tuple(1u, 1000u, 1), std::tuple(64u, 7u, 3), std::tuple(1000u, 1u, 2)}) {
      check_same(streamed(lists, counted, placed, {0, 0xffffffffu}, threads), whole);
    }
  }
}

TEST_CASE("only synapses onto own targets are kept") {
  const Lists lists(700);
  for (const Range own : {Range{0, 100}, Range{100, 300}, Range{300, 300}}) {
    auto whole =
        SynapseTable<double>::from_lists(n_pre, lists.pre, lists.post, lists.weight, lists.delay);
    whole.restrict_to(own);
    check_same(streamed(lists, 50, 33, own, 2), whole);
  }
}

TEST_CASE("one value for all is stored once, until another comes") {
  Lists lists(200);
  lists.weight.assign(200, 2.5);
  lists.delay.assign(1, 7);
  const auto one = streamed(lists, 50, 50, {0, 0xffffffffu}, 1);
  CHECK(one.weight.size() == 1);
  CHECK(one.delay.size() == 1);
  lists.weight[170] = 3.0;
  const auto two = streamed(lists, 50, 50, {0, 0xffffffffu}, 1);
  CHECK(two.weight.size() == 200);
  CHECK(std::ranges::count(two.weight, 3.0) == 1);
  CHECK(std::ranges::count(two.weight, 2.5) == 199);
  CHECK(two.delay.size() == 1);
  CHECK(two.delay_of(0) == 7);
}

TEST_CASE("what was counted and what is placed must agree") {
  const std::vector<std::uint32_t> zero{0}, one{1}, far{n_post};
  const std::vector<double> weight{1.0};
  const std::vector<std::uint16_t> delay{1};
  const Range all{0, 0xffffffffu};
  SynapseStream<double> stream(n_pre, n_post, all);
  CHECK_THROWS_AS(stream.count(zero, {}), std::invalid_argument);
  CHECK_THROWS_AS(stream.count(far, zero), std::invalid_argument);
  CHECK_THROWS_AS(stream.count(zero, far), std::invalid_argument);
  stream.count(zero, zero);
  CHECK_THROWS_AS(stream.place(one, zero, weight, delay), std::invalid_argument);
  CHECK_THROWS_AS(stream.place(zero, zero, {}, delay), std::invalid_argument);
  CHECK_THROWS_AS(stream.take(1), std::invalid_argument);
  stream.place(zero, zero, weight, delay);
  CHECK_THROWS_AS(stream.place(zero, zero, weight, delay), std::invalid_argument);
  CHECK_THROWS_AS(stream.count(zero, zero), std::logic_error);
  CHECK(stream.take(1).size() == 1);
}

}  // namespace test_network_synapse_stream
