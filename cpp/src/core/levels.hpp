// How callers reach the kernels. CMake compiles each kernels.cpp once for every SIMD level, with
// the level's namespace as SPIKELET_LEVEL and its vector width as SPIKELET_VECTOR_BYTES; each
// defines one table of kernels, and level_table() chooses among the copies.
#pragma once

#include <cstddef>

#include "spikelet/core/cpu.hpp"

namespace spikelet {

// The tables are given in the order of SimdLevel.
template <class Table, class... Higher>
const Table& choose(SimdLevel level, const Table& baseline, const Higher&... higher) {
  const Table* const tables[]{&baseline, &higher...};
  return *tables[static_cast<std::size_t>(level)];
}

}  // namespace spikelet

#if defined(SPIKELET_X86_LEVELS)
#define SPIKELET_TABLES baseline::kernel_table, v3::kernel_table, v4::kernel_table
#define SPIKELET_DECLARE_TABLES(Table) \
  namespace baseline {                 \
  extern const Table kernel_table;     \
  }                                    \
  namespace v3 {                       \
  extern const Table kernel_table;     \
  }                                    \
  namespace v4 {                       \
  extern const Table kernel_table;     \
  }
#else
#define SPIKELET_TABLES baseline::kernel_table
#define SPIKELET_DECLARE_TABLES(Table) \
  namespace baseline {                 \
  extern const Table kernel_table;     \
  }
#endif

// Declares, in the current namespace, the table that its kernels.cpp defines as
// SPIKELET_LEVEL::kernel_table, and
//   level_table(level)  the table of a level, which must be available (tests compare them);
//   level_table()       the table of the level in use.
#define SPIKELET_LEVEL_TABLE(Table)                                     \
  SPIKELET_DECLARE_TABLES(Table)                                        \
  inline const Table& level_table(SimdLevel level) {                    \
    return ::spikelet::choose(level, SPIKELET_TABLES);                  \
  }                                                                     \
  inline const Table& level_table() {                                   \
    static const Table& in_use = level_table(::spikelet::simd_level()); \
    return in_use;                                                      \
  }
