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

namespace {

using namespace spikelet;

constexpr std::uint32_t n_lines = 300, n_targets = 40;

// Lines with a weight for each synapse, or with one for all.
template <class R>
Buffer<Line<R>> random_lines(bool each) {
  const auto weight = test::values<R>(n_lines * Line<R>::Each::size, -2, 2, 1);
  const Stream stream(5, Purpose::values, 0);
  Buffer<Line<R>> lines(n_lines);
  std::uint64_t k = 0;
  for (std::uint32_t i = 0; i < n_lines; ++i) {
    const auto target = [&] { return static_cast<std::uint16_t>(stream.words(k++, 0)[0] % 40); };
    if (each) {
      for (int l = 0; l < Line<R>::Each::size; ++l) {
        lines[i].each.weight[l] = weight[i * Line<R>::Each::size + static_cast<std::size_t>(l)];
        lines[i].each.target[l] = target();
      }
    } else {
      lines[i].one.weight = weight[i];
      for (std::uint16_t& to : lines[i].one.target) {
        to = target();
      }
    }
  }
  return lines;
}

}  // namespace

TEST_CASE_TEMPLATE("a line is a cache line", R, float, double) {
  CHECK(sizeof(Line<R>) == 64);
  CHECK(alignof(Line<R>) == 64);
  CHECK(Line<R>::Each::size == (sizeof(R) == 4 ? 10 : 6));
  CHECK(Line<R>::One::size == (sizeof(R) == 4 ? 30 : 28));
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
    std::vector<std::uint32_t> list(expected.size() + lines_ahead);
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
  for (const bool each : {true, false}) {
    CAPTURE(each);
    const auto lines = random_lines<R>(each);
    for (const std::size_t n : {0u, 1u, 31u, 32u, 33u, 200u}) {
      CAPTURE(n);
      std::vector<std::uint32_t> list;
      for (std::uint32_t k = 0; k < n + lines_ahead; ++k) {
        list.push_back(k < n ? k * 17 % n_lines : 0);
      }
      const auto start = test::values<R>(n_targets, -1, 1, 2);
      auto expected = start;
      for (std::size_t k = 0; k < n; ++k) {
        const Line<R>& line = lines[list[k]];
        if (each) {
          for (int l = 0; l < Line<R>::Each::size; ++l) {
            expected[line.each.target[l]] += line.each.weight[l];
          }
        } else {
          for (const std::uint16_t to : line.one.target) {
            expected[to] += line.one.weight;
          }
        }
      }
      for (const SimdLevel level : available_simd_levels()) {
        CAPTURE(std::string(to_string(level)));
        auto input = start;
        kernels(level).scatter<R>(!each)(lines.data(), list.data(), n, input.data());
        CHECK(test::same_bits(input, expected));
      }
    }
  }
}
