// From here on, code is compiled for the level of SPIKELET_VECTOR_BYTES; target_pop.hpp ends it.
#if SPIKELET_VECTOR_BYTES == 64
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#endif
#elif SPIKELET_VECTOR_BYTES == 32
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#endif
#endif
