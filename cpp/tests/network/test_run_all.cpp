#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/network/run_all.hpp"

namespace test_network_run_all {

using namespace spikelet;

namespace {

using Errors = std::span<std::exception_ptr>;

const auto go_on = [](std::size_t) { return false; };

}  // namespace

TEST_CASE("every network runs once, and errors stay with their network") {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> calls(100);
    std::vector<OneOfMany> runs;
    for (std::size_t k = 0; k < calls.size(); ++k) {
      runs.push_back({[&calls, k](const Poll&, Errors) {
                        ++calls[k];
                        if (k % 6 == 5) {
                          throw std::runtime_error(std::to_string(k));
                        }
                      },
                      [](int) {}});
    }
    const auto errors = run_all(runs, threads, go_on);
    REQUIRE(errors.size() == calls.size());
    for (std::size_t k = 0; k < calls.size(); ++k) {
      CHECK(calls[k] == 1);
      if (k % 6 != 5) {
        CHECK(errors[k] == nullptr);
        continue;
      }
      try {
        std::rethrow_exception(errors[k]);
      } catch (const std::runtime_error& error) {
        CHECK(error.what() == std::to_string(k));
      }
    }
  }
}

TEST_CASE("an entry of several networks has an error for each, and counts as many") {
  std::vector<OneOfMany> runs;
  for (const std::size_t n : {1, 3, 2}) {
    runs.push_back({[n](const Poll&, Errors errors) {
                      CHECK(errors.size() == n);
                      errors.back() = std::make_exception_ptr(n);
                      if (n == 3) {
                        throw std::runtime_error("the first");
                      }
                    },
                    [](int) {}, n});
  }
  std::size_t most = 0;
  const auto errors = run_all(runs, 1, [&](std::size_t through) {
    most = std::max(most, through);
    return false;
  });
  REQUIRE(errors.size() == 6);
  CHECK(most <= 6);
  for (const std::size_t k : {0, 3, 5}) {
    CHECK_THROWS_AS(std::rethrow_exception(errors[k]), std::size_t);
  }
  CHECK_THROWS_AS(std::rethrow_exception(errors[1]), std::runtime_error);
  CHECK(errors[2] == nullptr);
  CHECK(errors[4] == nullptr);
}

TEST_CASE("no networks") { CHECK(run_all({}, 3, go_on).empty()); }

TEST_CASE("the caller's poll stops those that run, and the others do not begin") {
  for (const int threads : {1, 3}) {
    std::atomic<int> begun{0}, stopped{0};
    const auto until_stopped = [&](const Poll& poll, Errors) {
      ++begun;
      while (!poll(0)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ++stopped;
    };
    std::vector<OneOfMany> runs(10, {until_stopped, [](int) {}});
    int asked = 0;
    const auto caller = std::this_thread::get_id();
    bool by_caller = true;
    run_all(runs, threads, [&](std::size_t through) {
      by_caller &= std::this_thread::get_id() == caller;
      CHECK(through <= runs.size());
      return ++asked >= 3;
    });
    CHECK(by_caller);
    CHECK(begun >= 1);
    CHECK(begun <= threads);
    CHECK(stopped == begun);
  }
}

TEST_CASE("networks are fetched stage by stage, before they run") {
  constexpr std::size_t n = 200;
  for (const int threads : {1, 2}) {
    std::vector<std::atomic<int>> fetches(n);
    std::vector<int> last(n, -1);
    std::atomic<int> late{0};
    std::vector<std::atomic<bool>> ran(n);
    std::vector<OneOfMany> runs;
    for (std::size_t k = 0; k < n; ++k) {
      runs.push_back({[&, k](const Poll&, Errors) { ran[k] = true; },
                      [&, k](int stage) {
                        late += stage <= last[k] ? 1 : 0;
                        last[k] = stage;
                        ++fetches[k];
                        late += ran[k] ? 1 : 0;
                      }});
    }
    run_all(runs, threads, go_on);
    std::size_t all = 0;
    for (std::size_t k = 0; k < n; ++k) {
      CHECK(ran[k]);
      CHECK(fetches[k] <= fetch_stages);
      all += static_cast<std::size_t>(fetches[k]);
    }
    CHECK(late == 0);
    CHECK(all > n * fetch_stages / 2);
    CHECK(fetches[0] == 0);      // it runs at once
    CHECK(fetches[n - 1] == 0);  // near the end nobody takes one in advance
  }
}

TEST_CASE("a thread that has nothing left runs what another one took but has not begun") {
  constexpr std::size_t n = 100;
  std::atomic<std::size_t> through{0}, before_first{0};
  std::vector<OneOfMany> runs;
  for (std::size_t k = 0; k < n; ++k) {
    runs.push_back({[&, k](const Poll&, Errors) {
                      // All others can end, also the one that its thread took in advance.
                      for (int wait = 0; k == 0 && wait < 10'000 && through < n - 1; ++wait) {
                        std::this_thread::sleep_for(std::chrono::milliseconds(1));
                      }
                      before_first = k == 0 ? through.load() : before_first.load();
                      ++through;
                    },
                    [](int) {}});
  }
  run_all(runs, 2, go_on);
  CHECK(through == n);
  CHECK(before_first == n - 1);
}

}  // namespace test_network_run_all
