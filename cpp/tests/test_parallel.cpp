#include <doctest/doctest.h>

#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "spikelet/core/parallel.hpp"

using namespace spikelet;

TEST_CASE("a barrier lets nobody pass before all have come") {
  for (const int threads : {1, 2, 7}) {
    CAPTURE(threads);
    constexpr int rounds = 300;
    // Plain memory: the barrier alone must order the writes of a round before the reads after it.
    std::vector<int> written(static_cast<std::size_t>(threads), -1);
    std::vector<int> wrong(static_cast<std::size_t>(threads), 0);
    Barrier barrier;
    run_team(threads, [&](int member, int members) {
      const auto me = static_cast<std::size_t>(member);
      for (int round = 0; round < rounds; ++round) {
        written[me] = round;
        barrier.wait(members);
        for (int other = 0; other < members; ++other) {
          wrong[me] += written[static_cast<std::size_t>(other)] != round ? 1 : 0;
        }
        barrier.wait(members);
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

TEST_CASE("parallel_for hands an exception to the caller, once all others are done") {
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

TEST_CASE("the threads of a team may outnumber the cores") {
  Barrier barrier;
  long sum = 0;
  run_team(7, [&](int member, int members) {
    for (int round = 0; round < 2000; ++round) {
      if (member == round % members) {
        ++sum;
      }
      barrier.wait(members);
    }
  });
  CHECK(sum == 2000);
}
