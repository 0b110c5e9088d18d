#include <doctest/doctest.h>

#include <algorithm>

#include "spikelet/network/pace.hpp"

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
