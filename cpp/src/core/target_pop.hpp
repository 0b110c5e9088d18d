// Ends the code that target_push.hpp compiles for a level.
#if SPIKELET_VECTOR_BYTES > 16
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
