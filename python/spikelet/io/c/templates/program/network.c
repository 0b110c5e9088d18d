/* $made_by. Compile with -ffp-contract=off: sums and products are rounded one by one. */
#include "$name.h"

#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "${name}_weights.h"

#define DELAY $delay
#define WINDOW(steps) $window /* what the steps of means count */
enum { OK = ${upper}_OK, NO_ARRAY = ${upper}_NO_ARRAY, NOT_FINITE = ${upper}_NOT_FINITE,
       BAD_SPIKE = ${upper}_BAD_SPIKE, ORDER = ${upper}_ORDER };

typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

#ifdef ${upper}_TRACE /* defines a function that gets the spikes of each layer and step, for tests */
extern void ${name}_trace(int layer, const uint8_t *spikes, int bytes);
#define TRACE(layer, spikes, bytes) ${name}_trace(layer, spikes, bytes)
#else
#define TRACE(layer, spikes, bytes)
#endif

/* The engine takes numbers below 1.2e-38 for 0, as processors do in this mode. */
#if defined(__SSE__)
#include <xmmintrin.h>
static unsigned long flush_begin(void) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  return before;
}
static void flush_end(unsigned long before) { _mm_setcsr((unsigned)before); }
#elif defined(__aarch64__)
static unsigned long flush_begin(void) {
  unsigned long before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | 1ul << 24));
  return before;
}
static void flush_end(unsigned long before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
#elif defined(__ARM_FP) && !defined(__SOFTFP__)
static unsigned long flush_begin(void) {
  unsigned long before;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(before));
  __asm__ volatile("vmsr fpscr, %0" : : "r"(before | 1ul << 24));
  return before;
}
static void flush_end(unsigned long before) { __asm__ volatile("vmsr fpscr, %0" : : "r"(before)); }
#else
static unsigned long flush_begin(void) { return 0; }
static void flush_end(unsigned long before) { (void)before; }
#endif

$templates
$tables
$arrays
$functions
$entry
