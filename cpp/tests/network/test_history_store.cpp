#include <doctest/doctest.h>

#include "network/history_store.hpp"
#include "support/plastic_cases.hpp"

using namespace plastic_test;

TEST_CASE_TEMPLATE("rows with history: weights and what is sent, for all rules", R, float, double) {
  compare_all<R>(PlasticLayout::history);
}
