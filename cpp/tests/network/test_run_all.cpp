#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "spikelet/network/run_all.hpp"

using namespace spikelet;

namespace {

const auto go_on = [](std::size_t) { return false; };

}  // namespace

TEST_CASE("every network runs once, and errors stay with their network") {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> calls(20);
    std::vector<RunOne> runs;
    for (std::size_t k = 0; k < calls.size(); ++k) {
      runs.emplace_back([&calls, k](const Poll&) {
        ++calls[k];
        if (k % 6 == 5) {
          throw std::runtime_error(std::to_string(k));
        }
      });
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

TEST_CASE("no networks") { CHECK(run_all({}, 3, go_on).empty()); }

TEST_CASE("the caller's poll stops those that run, and the others do not begin") {
  for (const int threads : {1, 3}) {
    std::atomic<int> begun{0}, stopped{0};
    std::vector<RunOne> runs(10, [&](const Poll& poll) {
      ++begun;
      while (!poll(0)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      ++stopped;
    });
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
