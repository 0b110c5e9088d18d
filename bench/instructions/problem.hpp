// A fixed problem of which instructions are counted.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

// What is measured; returns how many units of work it did, from the results and at no cost that
// matters.
using Work = std::function<std::size_t()>;

struct Problem {
  std::string_view name, unit;
  Work (*set_up)();  // does what is not measured
};

std::span<const Problem> problems();
