// A number in a message, with six digits and no more than it needs.
#pragma once

#include <array>
#include <cstdio>
#include <string>

namespace spikelet {

inline std::string text(double x) {
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%.6g", x);
  return digits.data();
}

}  // namespace spikelet
