#include <doctest/doctest.h>

#include "spikelet/network/dense_block.hpp"
#include "support/plastic_cases.hpp"

namespace test_network_dense_block {

using namespace plastic_test;

TEST_CASE_TEMPLATE("dense block: weights and what is sent, for all rules", R, float, double) {
  compare_all<R>(PlasticLayout::dense_block);
}

}  // namespace test_network_dense_block
