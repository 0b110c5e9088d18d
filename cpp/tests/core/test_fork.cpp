#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "spikelet/core/fork.hpp"
#include "spikelet/core/guarded.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/core/pool.hpp"

namespace test_core_fork {

using namespace spikelet;

// ThreadSanitizer ends a child that starts threads.
#if !defined(__SANITIZE_THREAD__)

namespace {

// The exit code of a child that does the work; a child that hangs is ended after a minute.
template <class Work>
int in_child(Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(work() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool sums() {
  std::atomic<int> sum{0};
  parallel_for(3, 100, [&](std::size_t i) { sum += static_cast<int>(i); });
  return sum == 4950;
}

}  // namespace

TEST_CASE("a team works in a forked process, and in its child") {
  CHECK(sums());  // the parent has OpenMP's threads
  const unsigned before = forks();
  CHECK(in_child([&] {
          return forks() == before + 1 && sums() && sums() && in_child([] { return sums(); }) == 0;
        }) == 0);
  CHECK(forks() == before);
  CHECK(sums());
}

TEST_CASE("a pool that another thread uses during a fork is free and whole in the child") {
  Pool pool(std::size_t{1} << 20);
  std::atomic<bool> over{false};
  std::thread other([&] {
    while (!over) {
      pool.give(pool.take(100), 100);
    }
  });
  for (int k = 0; k < 20; ++k) {
    CHECK(in_child([&] {
            pool.give(pool.take(100), 100);
            return pool.idle() == 65536;
          }) == 0);
  }
  over = true;
  other.join();
}

TEST_CASE("what another thread used during a fork is refused in the child") {
  Guarded<int> value("the value", "", 0);
  std::atomic<int> stage{0};
  std::thread other([&] {
    auto use = value.lengthy();
    stage = 1;
    wait_until([&] { return stage == 2; });
  });
  wait_until([&] { return stage == 1; });
  CHECK(in_child([&] {
          try {
            value.brief();
          } catch (const InUse& error) {
            return std::string(error.what()).find("was forked") != std::string::npos;
          }
          return false;
        }) == 0);
  stage = 2;
  other.join();
  CHECK(*value.brief() == 0);
}

#endif

}  // namespace test_core_fork
