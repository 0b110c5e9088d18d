#include <doctest/doctest.h>

#include <algorithm>

#include "spikelet/network/pace.hpp"

namespace test_network_pace {

using namespace spikelet;

namespace {

// How much of a run of `steps` steps all threads do, given what a step costs one and all [ns].
double share_of_all(Pace& pace, Step steps, double one, double all, double start = 0) {
  Step by_all = 0;
  for (Step left = steps; left > 0;) {
    const Pace::Part part = pace.next(left, 5);
    CHECK(part.steps > 0);
    CHECK(part.steps <= left);
    pace.note(part.steps, part.all ? start + all * static_cast<double>(part.steps)
                                   : one * static_cast<double>(part.steps));
    by_all += part.all ? part.steps : 0;
    left -= part.steps;
  }
  return static_cast<double>(by_all) / static_cast<double>(steps);
}

}  // namespace

TEST_CASE("the faster of one thread and all does nearly everything") {
  Pace slow, fast;
  CHECK(share_of_all(slow, 10'000'000, 200, 400) < 0.01);
  CHECK(share_of_all(fast, 10'000'000, 1000, 600) > 0.99);
}

TEST_CASE("all threads come first, and short runs are not worth their start") {
  Pace pace;
  CHECK(pace.next(10, 1).all);
  for (int k = 0; k < 2000; ++k) {
    share_of_all(pace, 1, 500, 300, 10'000);
  }
  CHECK(share_of_all(pace, 1, 500, 300, 10'000) == 0);
  CHECK(share_of_all(pace, 10'000'000, 500, 300, 10'000) > 0.8);  // a long one is
}

TEST_CASE("what is faster may change") {
  Pace pace;
  CHECK(share_of_all(pace, 3'000'000, 400, 250) > 0.98);
  CHECK(share_of_all(pace, 3'000'000, 400, 5000) < 0.1);  // somebody else wants the cores
  CHECK(share_of_all(pace, 40'000'000, 400, 250) > 0.5);
}

TEST_CASE("a run of no steps") {
  Pace pace;
  CHECK(pace.next(0, 3).steps == 0);
  pace.note(0, 100);
  CHECK(pace.next(7, 30).steps == 7);
}

TEST_CASE("all threads are stopped when they are late") {
  Pace pace;
  Pace::Part part = pace.next(1'000'000, 5);
  CHECK(part.all);
  CHECK(part.most < 1e7);
  share_of_all(pace, 1'000'000, 1000, 500);
  part = pace.next(1'000'000, 5);
  CHECK(part.all);
  CHECK(part.most > 1.5 * 500 * static_cast<double>(part.steps));
  CHECK(part.most < 3 * 500 * static_cast<double>(part.steps));
}

TEST_CASE("long intervals go to all threads, whatever moments were compared") {
  Pace pace;
  CHECK(pace.next(100'000, 15).all);
  pace.note(100, 100 * 30'000.0);  // busy
  CHECK(!pace.next(100'000, 15).all);
  pace.note(100, 100 * 20'000.0);  // hardly active
  CHECK(share_of_all(pace, 1'000'000, 30'000, 40'000) > 0.98);
}

TEST_CASE("a cost is learnt in few steps where they take long") {
  Pace pace;
  for (const bool all : {true, false}) {
    const Pace::Part part = pace.next(1'000'000, 15);
    CHECK(part.all == all);
    CHECK(part.most < 1e7);
    pace.note(15, 15 * 2e5);
  }
  CHECK(pace.next(1'000'000, 15).all);
}

TEST_CASE("all threads that wait for cores do not keep long intervals") {
  Pace pace;
  CHECK(share_of_all(pace, 500'000, 30'000, 18'000) > 0.99);
  CHECK(share_of_all(pace, 500'000, 30'000, 300'000) < 0.05);  // somebody else wants the cores
  CHECK(share_of_all(pace, 500'000, 30'000, 18'000) > 0.9);
}

TEST_CASE("runs of one step decide as one long run does") {
  // The activity comes in bursts of 40 steps, and one thread is faster in any of them.
  Pace pace;
  Step by_all = 0;
  constexpr Step steps = 300'000;
  for (Step k = 0; k < steps; ++k) {
    const Pace::Part part = pace.next(1, 15);
    CHECK(part.steps == 1);
    const double burst = k / 40 % 5 == 0 ? 5 : 1;
    const double cost = part.all ? 6000 + 7000 * burst : 1000 + 5000 * burst;
    pace.note(1, cost);
    by_all += part.all ? 1 : 0;
  }
  CHECK(static_cast<double>(by_all) < 0.1 * steps);
}

TEST_CASE("a part that others disturbed does not decide, not even after a trial") {
  Pace pace;
  constexpr double one = 1000, all = 560;
  bool tried = false, disturbed = false;
  for (int k = 0; k < 2000; ++k) {
    const Pace::Part part = pace.next(1'000'000, 15);
    disturbed = tried && part.all && !disturbed;  // every other part after a trial
    const double cost = part.all ? (disturbed ? 930 : all) : one;
    tried = !part.all;
    pace.note(part.steps, cost * static_cast<double>(part.steps));
  }
}

TEST_CASE("brief runs of one thread are mostly not timed, and others are") {
  Pace pace;
  int timed = 0, timed_all = 0, runs = 0, runs_all = 0;
  for (Step k = 0; k < 2'000'000; ++k) {
    const Pace::Part part = pace.next(1, 15);
    (part.all ? runs_all : runs) += 1;
    (part.all ? timed_all : timed) += part.timed ? 1 : 0;
    part.timed ? pace.note(1, part.all ? 900 : 450) : pace.pass(1);
  }
  CHECK(runs_all < 0.02 * runs);
  CHECK(timed_all == runs_all);
  CHECK(timed < 0.2 * runs);
  CHECK(timed > 0.1 * runs);
  for (int k = 0; k < 100; ++k) {  // a long run is timed, and may be stopped
    const Pace::Part part = pace.next(1'000'000, 15);
    CHECK(part.timed);
    pace.note(part.steps, static_cast<double>(part.steps) * (part.all ? 900 : 450));
  }
}

TEST_CASE("runs that are not timed notice that the costs have changed") {
  Pace pace;
  const auto share = [&](Step steps, double one, double all) {
    Step by_all = 0;
    for (Step k = 0; k < steps; ++k) {
      const Pace::Part part = pace.next(1, 15);
      by_all += part.all ? 1 : 0;
      part.timed ? pace.note(1, part.all ? all : one) : pace.pass(1);
    }
    return static_cast<double>(by_all) / static_cast<double>(steps);
  };
  CHECK(share(2'000'000, 450, 900) < 0.02);
  CHECK(share(6'000'000, 2000, 1000) > 0.5);
}

TEST_CASE("in brief runs, threads that wait for a core are tried for one run only") {
  constexpr double one = 16'000, waiting = 7.5e6;
  Pace pace;
  double ns = 0, lost = 0;
  int in_turn = 0, longest = 0;
  while (ns < 3e9) {
    const Pace::Part part = pace.next(1, 15);
    const double took = part.all ? waiting : one;
    ns += took;
    lost += part.all ? waiting : 0;
    in_turn = part.all ? in_turn + 1 : 0;
    longest = std::max(longest, in_turn);
    part.timed ? pace.note(1, took) : pace.pass(1);
  }
  CHECK(longest == 1);
  CHECK(lost < 0.03 * ns);
  Step by_all = 0;  // once the core is free, a trial is long enough for the start of the threads
  for (Step k = 0, woken = 0; k < 2'000'000; ++k) {
    const Pace::Part part = pace.next(1, 15);
    woken = part.all ? woken + 1 : 0;
    by_all += part.all ? 1 : 0;
    const double took = part.all ? (woken == 1 ? 100'000 : 13'000) : one;
    part.timed ? pace.note(1, took) : pace.pass(1);
  }
  CHECK(by_all > 1'600'000);
}

TEST_CASE("an interval that each run cuts is not long") {
  Pace cut, whole;
  CHECK(share_of_all(whole, 1'000'000, 30'000, 40'000) > 0.98);
  Step by_all = 0;
  for (Step k = 0; k < 300'000; ++k) {
    const Pace::Part part = cut.next(1, 15);
    by_all += part.all ? 1 : 0;
    part.timed ? cut.note(1, part.all ? 40'000 : 30'000) : cut.pass(1);
  }
  CHECK(by_all < 30'000);
}

}  // namespace test_network_pace
