#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "spikelet/core/parallel.hpp"

namespace test_core_parallel {

using namespace spikelet;

TEST_CASE("wait_until sees what was written before the flag, for any number of members") {
  for (const int threads : {1, 2, 7}) {
    CAPTURE(threads);
    constexpr int rounds = 500;
    const auto n = static_cast<std::size_t>(threads);
    // Plain memory: the flags alone must order the writes of a round before its reads. Two slots by
    // parity, so that no member overwrites what a slower one still reads.
    std::vector<std::array<int, 2>> written(n);
    std::vector<std::atomic<int>> flag(n);
    std::vector<int> wrong(n, 0);
    run_team(threads, [&](int member, int members) {
      const auto me = static_cast<std::size_t>(member);
      for (int round = 1; round <= rounds; ++round) {
        const auto slot = static_cast<std::size_t>(round % 2);
        written[me][slot] = round;
        flag[me].store(round, std::memory_order_release);
        for (std::size_t other = 0; other < static_cast<std::size_t>(members); ++other) {
          wait_until([&] { return flag[other].load(std::memory_order_acquire) >= round; });
          wrong[me] += written[other][slot] != round ? 1 : 0;
        }
      }
    });
    CHECK(std::accumulate(wrong.begin(), wrong.end(), 0) == 0);
  }
}

TEST_CASE("a team has members 0 to n - 1, of which the caller is the first") {
  for (const int threads : {0, 1, 2, 7}) {
    std::vector<int> calls(8, 0);
    std::vector<int> sizes(8, 0);
    std::thread::id first;
    run_team(threads, [&](int member, int members) {
      ++calls[static_cast<std::size_t>(member)];
      sizes[static_cast<std::size_t>(member)] = members;
      if (member == 0) {
        first = std::this_thread::get_id();
      }
    });
    CHECK(first == std::this_thread::get_id());
    const int members = sizes[0];
    CHECK(members >= 1);
    CHECK(members <= std::max(threads, 1));
    for (int member = 0; member < 8; ++member) {
      CHECK(calls[static_cast<std::size_t>(member)] == (member < members ? 1 : 0));
    }
  }
}

TEST_CASE("parallel_for calls each index once") {
  for (const int threads : {1, 2, 7}) {
    for (const std::size_t n : {0u, 1u, 2u, 3u, 1000u}) {
      std::vector<int> calls(n, 0);
      parallel_for(threads, n, [&](std::size_t i) { ++calls[i]; });
      CHECK(calls == std::vector<int>(n, 1));
    }
  }
}

TEST_CASE("little work has one thread, and more threads come with more work") {
  CHECK(team_for(8, 0) == 1);
  CHECK(team_for(8, 60'000) == 1);
  CHECK(team_for(2, 70'000) == 2);
  CHECK(team_for(8, 70'000) == 2);
  CHECK(team_for(8, 1'000'000) == 8);
  CHECK(team_for(1, 1'000'000'000'000) == 1);
  CHECK(team_for(0, 1'000'000) == 1);
}

TEST_CASE("parallel_for rethrows an exception after all others are done") {
  for (const int threads : {1, 2, 7}) {
    std::atomic<int> calls{0};
    const auto work = [&](std::size_t i) {
      ++calls;
      if (i == 5) {
        throw std::runtime_error("index " + std::to_string(i));
      }
    };
    CHECK_THROWS_WITH_AS(parallel_for(threads, 20, work), "index 5", std::runtime_error);
    CHECK(calls >= 6);
    CHECK(calls <= 20);
  }
}

TEST_CASE("a team goes on with fewer members if a thread cannot be started") {
  for (const int most : {0, 1, 3}) {
    int started = 0;
    const auto start = [&](auto work) {
      if (started == most) {
        throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
      }
      ++started;
      return std::thread(work);
    };
    std::vector<int> calls(8, 0), sizes(8, 0);
    const auto body = [&](int member, int members) {
      ++calls[static_cast<std::size_t>(member)];
      sizes[static_cast<std::size_t>(member)] = members;
    };
    run_threads(8, body, start);
    for (int member = 0; member < 8; ++member) {
      const auto k = static_cast<std::size_t>(member);
      CHECK(calls[k] == (member <= most ? 1 : 0));
      CHECK(sizes[k] == (member <= most ? most + 1 : 0));
    }
  }
}

}  // namespace test_core_parallel
