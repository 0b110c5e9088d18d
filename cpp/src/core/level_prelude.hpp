// Everything that a level file needs from elsewhere, included before its target pragma so that it
// stays baseline code.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "spikelet/core/kernels.hpp"
#include "spikelet/core/line.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/core/plasticity.hpp"
#include "spikelet/core/random.hpp"

#define SPIKELET_INLINE [[gnu::always_inline]] inline

namespace spikelet {
const KernelTable& table_baseline();
const KernelTable& table_v3();
const KernelTable& table_v4();
}  // namespace spikelet
