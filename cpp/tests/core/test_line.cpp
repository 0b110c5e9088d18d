#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/line.hpp"
#include "support/values.hpp"

namespace test_core_line {

namespace {

using namespace spikelet;

constexpr std::uint32_t n_lines = 300, n_targets = 40;

constexpr std::uint32_t far = 70'000;  // a target of a wide partition

template <class R>
Buffer<Line<R>> random_lines(bool wide) {
  const auto weight = test::values<R>(n_lines * Line<R>::size, -2, 2, 1);
  const Stream stream(5, Purpose::values, 0);
  Buffer<Line<R>> lines(n_lines);
  std::uint64_t k = 0;
  for (std::uint32_t i = 0; i < n_lines; ++i) {
    for (int l = 0; l < Line<R>::size; ++l) {
      lines[i].weight[l] = weight[i * Line<R>::size + static_cast<std::size_t>(l)];
      const std::uint32_t target = stream.words(k++, 0)[0] % n_targets;
      lines[i].set_target(l, wide && target % 3 == 0 ? target + far * (target % 7) : target);
    }
  }
  return lines;
}

template <class R>
Buffer<SharedLine<R>> random_shared_lines() {
  const auto weight = test::values<R>(n_lines, -2, 2, 1);
  const Stream stream(5, Purpose::values, 0);
  Buffer<SharedLine<R>> lines(n_lines);
  std::uint64_t k = 0;
  for (std::uint32_t i = 0; i < n_lines; ++i) {
    lines[i].weight = weight[i];
    for (std::uint16_t& to : lines[i].target) {
      to = static_cast<std::uint16_t>(stream.words(k++, 0)[0] % n_targets);
    }
    // Of each length, with padding behind.
    for (std::size_t l = 1 + i % SharedLine<R>::size; l < SharedLine<R>::size; ++l) {
      lines[i].target[l] = static_cast<std::uint16_t>(n_targets + l);
    }
  }
  return lines;
}

template <class R>
void add(const Line<R>& line, std::vector<R>& input) {
  for (int l = 0; l < Line<R>::size; ++l) {
    input[line.target_of(l)] += line.weight[l];
  }
}
template <class R>
void add(const SharedLine<R>& line, std::vector<R>& input) {
  for (const std::uint16_t to : line.target) {
    if (to < n_targets) {
      input[to] += line.weight;
    }
  }
}

template <class R, class L>
void compare(const Buffer<L>& lines, bool wide) {
  for (const std::size_t n : {0u, 1u, 31u, 32u, 33u, 63u, 64u, 65u, 200u, 256u, 257u, 700u}) {
    CAPTURE(n);
    std::vector<std::uint32_t> list;
    for (std::uint32_t k = 0; k < n + list_slack; ++k) {
      list.push_back(k < n ? k * 17 % n_lines : 0);
    }
    const std::size_t size = wide ? 7 * far : n_targets, spare = 32;
    const auto start = test::values<R>(size + spare, -1, 1, 2);
    auto expected = start;
    for (std::size_t k = 0; k < n; ++k) {
      add(lines[list[k]], expected);
    }
    for (const SimdLevel level : available_simd_levels()) {
      CAPTURE(std::string(to_string(level)));
      auto input = start;
      kernels(level).scatter(lines.data(), wide)(lines.data(), list.data(), n,
                                                 static_cast<std::uint32_t>(size), input.data());
      std::copy(expected.begin() + static_cast<std::ptrdiff_t>(size), expected.end(),
                input.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(test::same_bits(input, expected));
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("a line is half a cache line, one of shared weights a whole one", R, float,
                   double) {
  CHECK(sizeof(Line<R>) == 32);
  CHECK(alignof(Line<R>) == 32);
  CHECK(Line<R>::size == (sizeof(R) == 4 ? 5 : 3));
  CHECK(sizeof(SharedLine<R>) == 64);
  CHECK(alignof(SharedLine<R>) == 64);
  CHECK(SharedLine<R>::size == (sizeof(R) == 4 ? 30 : 28));
}

TEST_CASE_TEMPLATE("a line holds targets of a wide partition", R, float, double) {
  Line<R> line{};
  for (int l = 0; l < Line<R>::size; ++l) {
    line.set_target(l, most_targets - 1 - static_cast<std::uint32_t>(l) * 90'001);
  }
  for (int l = 0; l < Line<R>::size; ++l) {
    CHECK(line.target_of(l) == most_targets - 1 - static_cast<std::uint32_t>(l) * 90'001);
  }
}

TEST_CASE("due lines are listed one by one, at every level") {
  std::vector<DueLines> due;
  std::vector<std::uint32_t> expected;
  for (std::uint32_t first : {0u, 7u, 100u, 101u, (1u << 27) - 40u}) {
    for (const DueLines count : {1u, 2u, 15u, 16u, 17u, most_due_lines}) {
      due.push_back(first << due_count_bits | count);
      for (std::uint32_t k = 0; k < count; ++k) {
        expected.push_back(first + k);
      }
    }
  }
  for (const SimdLevel level : available_simd_levels()) {
    CAPTURE(std::string(to_string(level)));
    std::vector<std::uint32_t> list(expected.size() + list_slack);
    const std::uint32_t* end =
        kernels(level).list_lines(due.data(), due.data() + due.size(), list.data());
    CHECK(end == list.data() + expected.size());
    list.resize(expected.size());
    CHECK(list == expected);
    CHECK(kernels(level).list_lines(due.data(), due.data(), list.data()) == list.data());
  }
}

TEST_CASE_TEMPLATE("scatter adds all synapses of the listed lines, in order, at every level", R,
                   float, double) {
  for (const bool wide : {false, true}) {
    CAPTURE(wide);
    compare<R>(random_lines<R>(wide), wide);
  }
  compare<R>(random_shared_lines<R>(), false);
}

}  // namespace test_core_line
