#include <doctest/doctest.h>

#include <limits>

#include "core/text.hpp"

namespace test_core_text {

using spikelet::text;

TEST_CASE("numbers in messages are short") {
  CHECK(text(0.1) == "0.1");
  CHECK(text(-3) == "-3");
  CHECK(text(1.0 / 3) == "0.333333");
  CHECK(text(1e-300) == "1e-300");
  CHECK(text(std::numeric_limits<double>::infinity()) == "inf");
}

}  // namespace test_core_text
