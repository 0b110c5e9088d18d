#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "spikelet/core/guarded.hpp"

namespace test_core_guarded {

using namespace spikelet;

TEST_CASE("brief calls of many threads wait for each other, and none is lost") {
  Guarded<long> value("the value", "", 0L);
  std::vector<std::thread> team;
  for (int k = 0; k < 4; ++k) {
    team.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        auto use = value.brief();
        *use += 1;
      }
    });
  }
  for (std::thread& member : team) {
    member.join();
  }
  CHECK(*value.brief() == 8000);
}

TEST_CASE("all calls are refused while a lengthy one goes on") {
  Guarded<int> value("the value", "", 3);
  {
    auto use = value.lengthy();
    CHECK(value.busy());
    CHECK_THROWS_WITH_AS(
        value.brief(),
        "the value is running and has called this callback; wait until the run is over", InUse);
    std::thread([&] {
      CHECK_THROWS_WITH_AS(value.brief(), "the value is running in another thread", InUse);
    }).join();
    CHECK_THROWS_AS(value.lengthy(), InUse);
    CHECK_THROWS_AS(value.even_if_broken(), InUse);
  }
  CHECK(!value.busy());
  auto use = value.brief();
  CHECK(!value.busy());
  use.lengthen();
  CHECK(value.busy());
  CHECK_THROWS_WITH_AS(
      value.brief(),
      "the value is running and has called this callback; wait until the run is over", InUse);
}

TEST_CASE("a thread that already has access is refused, as it would wait for itself") {
  Guarded<int> value("the value", "", 3);
  {
    const auto use = value.brief();
    CHECK_THROWS_WITH_AS(value.look(), "the value is in use by the call that led to this one",
                         InUse);
  }
  CHECK(*value.look() == 3);
}

TEST_CASE("what broke a value can be said in other words") {
  Guarded<int> value("the value", "make it again", 0);
  {
    auto use = value.brief();
    CHECK_THROWS(use.change("a run", [] { throw std::runtime_error("state 3"); }));
    CHECK_THROWS_WITH_AS(use.require_whole(),
                         "the value has failed: a run stopped half-way (state 3); make it again",
                         Broken);
  }
  value.even_if_broken().explain("a run", "V_m");
  CHECK_THROWS_WITH_AS(value.brief(),
                       "the value has failed: a run stopped half-way (V_m); make it again", Broken);
}

TEST_CASE("a brief call that becomes lengthy refuses those who wait for it") {
  Guarded<int> value("the value", "", 0);
  std::atomic<bool> refused{false};
  std::thread other;
  {
    auto use = value.brief();
    other = std::thread([&] {
      try {
        value.brief();
      } catch (const InUse&) {
        refused = true;
      }
    });
    use.lengthen();
    other.join();
  }
  CHECK(refused);
}

TEST_CASE("a value that was settled is untouched until a call may have changed it") {
  Guarded<int> value("the value", "", 3);
  const auto touched = [&] {
    auto use = value.lengthy();
    use.overlook();
    return use.touched();
  };
  CHECK(touched());
  const auto settle = [&] {
    auto use = value.brief();
    auto moved = std::move(use);
    CHECK(moved.touched());
    moved.settle();
  };
  settle();
  CHECK(!touched());
  CHECK(*value.look() == 3);
  CHECK(*value.look_even_if_broken() == 3);
  static_assert(std::is_const_v<std::remove_reference_t<decltype(*value.look())>>);
  CHECK(!touched());
  value.brief();
  CHECK(touched());
  settle();
  value.even_if_broken();
  CHECK(touched());
  settle();
  value.lengthy();
  CHECK(touched());
  settle();
  try {
    auto use = value.lengthy();
    use.change("a change", [] { throw std::runtime_error("no luck"); });
  } catch (const std::runtime_error&) {
    CHECK(value.broken());
  }
  CHECK_THROWS_AS(value.look(), Broken);
  CHECK(*value.look_even_if_broken() == 3);
  CHECK(value.even_if_broken().touched());
}

TEST_CASE("one access ends once, though it has moved") {
  Guarded<int> value("the value", "", 0);
  {
    auto use = value.lengthy();
    {
      auto moved = std::move(use);
      CHECK(value.busy());
    }
    CHECK(!value.busy());
    auto next = value.lengthy();
    CHECK(value.busy());
  }
  CHECK(!value.busy());
}

TEST_CASE("what fails half-way breaks the value, for good") {
  Guarded<int> value("the value", "make a new one", 0);
  const auto fail = [&] {
    auto use = value.lengthy();
    use.change("a change", [] { throw std::runtime_error("no luck"); });
  };
  CHECK_THROWS_WITH_AS(fail(), "no luck", std::runtime_error);
  CHECK(value.broken());
  CHECK(!value.busy());
  CHECK_THROWS_WITH_AS(value.brief(),
                       "the value has failed: a change stopped half-way (no luck); make a new one",
                       Broken);
  CHECK_THROWS_AS(value.lengthy(), Broken);
  CHECK(*value.even_if_broken() == 0);
}

}  // namespace test_core_guarded
