#include <doctest/doctest.h>

#include "spikelet/network/closed_rows.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_closed_rows {

using namespace plastic_test;

TEST_CASE_TEMPLATE("closed rows: weights and what is sent, for all rules", R, float, double) {
  compare_all<R>(PlasticLayout::closed_rows);
}

}  // namespace test_network_closed_rows
