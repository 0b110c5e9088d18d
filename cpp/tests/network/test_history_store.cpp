#include <doctest/doctest.h>

#include "network/history_store.hpp"
#include "support/plastic_cases.hpp"

using namespace plastic_test;

TEST_CASE_TEMPLATE("rows with history: weights and what is sent, for all rules", R, float, double) {
  compare_all<R>(PlasticLayout::history);
}

// Several rows at a step, so that targets' traces are computed for all of them at once.
TEST_CASE_TEMPLATE("rows with history of most targets and one delay", R, float, double) {
  compare_all<R>(PlasticLayout::history, true, 0.2);
}
