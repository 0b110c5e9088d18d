// A fixed problem whose instructions are counted.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

// The measured part. It returns the units of work done, derived from the results at negligible
// cost.
using Work = std::function<std::size_t()>;

struct Problem {
  std::string_view name, unit;
  Work (*set_up)();  // the part that is not measured
};

std::span<const Problem> problems();
