#include "spikelet/core/cpu.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace spikelet {

std::string_view to_string(SimdLevel level) {
  switch (level) {
    case SimdLevel::v3:
      return "v3";
    case SimdLevel::v4:
      return "v4";
    default:
      return "baseline";
  }
}

std::vector<SimdLevel> available_simd_levels() {
  std::vector<SimdLevel> levels{SimdLevel::baseline};
#if defined(SPIKELET_X86_LEVELS)
  // Single features, as clang knows the level names only from version 18 on.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (v3) {
    levels.push_back(SimdLevel::v3);
  }
  if (v4) {
    levels.push_back(SimdLevel::v4);
  }
#endif
  return levels;
}

namespace {

SimdLevel choose() {
  const auto levels = available_simd_levels();
  const char* wish = std::getenv("SPIKELET_SIMD");
  if (wish == nullptr || *wish == '\0') {
    return levels.back();
  }
  std::string known;
  for (const SimdLevel level : levels) {
    if (to_string(level) == wish) {
      return level;
    }
    known += (known.empty() ? "" : ", ") + std::string(to_string(level));
  }
  throw std::invalid_argument("SPIKELET_SIMD is '" + std::string(wish) +
                              "', but this machine offers: " + known);
}

}  // namespace

FlushDenormals::FlushDenormals() {
#if defined(__x86_64__)
  saved_ = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(
      static_cast<unsigned>(saved_ | 0x8040u));  // flush to zero, denormals are zero
#elif defined(__aarch64__)
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" ::"r"(saved_ | (1ul << 24)));
#else
  saved_ = 0;
#endif
}

FlushDenormals::~FlushDenormals() {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(static_cast<unsigned>(saved_));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" ::"r"(saved_));
#endif
}

SimdLevel simd_level() {
  static const SimdLevel level = choose();
  return level;
}

}  // namespace spikelet
