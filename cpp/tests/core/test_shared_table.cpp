#include <doctest/doctest.h>

#include <thread>
#include <utility>
#include <vector>

#include "spikelet/core/shared_table.hpp"

namespace test_core_shared_table {

using namespace spikelet;

TEST_CASE("a table is made once for each key and thread, and lives as long as it is used") {
  int made = 0;
  const auto table = [&](double rate, int n) {
    return shared_table<std::vector<double>>(std::pair(rate, n), [&] {
      ++made;
      return std::vector<double>(static_cast<std::size_t>(n), rate);
    });
  };
  auto first = table(0.5, 3);
  CHECK(*first == std::vector<double>{0.5, 0.5, 0.5});
  CHECK(table(0.5, 3) == first);
  CHECK(made == 1);
  CHECK(*table(0.5, 2) != *first);
  CHECK(*table(0.25, 3) != *first);
  CHECK(made == 3);
  std::thread([&] { CHECK(table(0.5, 3) != first); }).join();
  CHECK(made == 4);
  first.reset();
  CHECK(table(0.5, 3)->size() == 3);
  CHECK(made == 5);
}

}  // namespace test_core_shared_table
