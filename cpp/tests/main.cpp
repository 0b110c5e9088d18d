// Runs all tests at the SIMD level that SPIKELET_SIMD names; CTest counts 77 as skipped.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "spikelet/core/cpu.hpp"

int main(int argc, char** argv) {
  const char* wish = std::getenv("SPIKELET_SIMD");
  try {
    spikelet::simd_level();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    const std::string_view name(wish);
    return name == "v3" || name == "v4" ? 77 : 1;
  }
  return doctest::Context(argc, argv).run();
}
