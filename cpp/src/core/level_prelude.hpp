// First in every kernels.cpp: what kernels need from elsewhere. Included before the target pragma,
// so that it stays baseline code and may be shared with the rest of the program.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/levels.hpp"
#include "spikelet/core/draws16.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/line.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/core/plasticity.hpp"
#include "spikelet/core/random.hpp"

#define SPIKELET_INLINE [[gnu::always_inline]] inline
