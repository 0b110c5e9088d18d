/* $made_by. Runs the network on a file of inputs, sample after sample, as raw numbers of this machine:

     ${name}_main inputs.bin outputs.bin

   or without arguments on numbers of its own, to measure the time. */
#include "${name}.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

$arrays
#ifdef ${upper}_TRACE
void ${name}_trace(int layer, const uint8_t *spikes, int bytes);
static FILE *trace;
void ${name}_trace(int layer, const uint8_t *spikes, int bytes) {
  (void)layer;
  if (trace != NULL) {
    fwrite(spikes, 1, (size_t)bytes, trace);
  }
}
#endif

static int run_file(const char *inputs, const char *outputs) {
  FILE *from = fopen(inputs, "rb");
  FILE *to = fopen(outputs, "wb");
  int error = from == NULL || to == NULL ? -1 : ${upper}_OK;
  while (error == ${upper}_OK && $reads) {
    error = $run;
    if (error == ${upper}_OK && !($writes)) {
      error = -1;
    }
  }
  if (from != NULL) {
    fclose(from);
  }
  if (to != NULL && fclose(to) != 0) {
    error = -1;
  }
  return error;
}

static int measure(void) {
  uint32_t seed = 1u;
  int runs = 0, error = ${upper}_OK;
  double sum = 0.0;
  size_t k;
  clock_t begin, now;
$fill  begin = clock();
  do {
    error = $run;
    ++runs;
    now = clock();
  } while (error == ${upper}_OK && now - begin < CLOCKS_PER_SEC);
  for (k = 0; k < sizeof out_0 / sizeof out_0[0]; ++k) {
    sum += (double)out_0[k];
  }
  printf("%d runs, %.3f ms each; outputs add up to %.9g\n", runs,
         1e3 * (double)(now - begin) / (double)CLOCKS_PER_SEC / runs, sum);
  return error;
}

int main(int count, char **arguments) {
  int error;
#ifdef ${upper}_TRACE
  trace = count == 4 ? fopen(arguments[3], "wb") : NULL;
#endif
  error = count >= 3 ? run_file(arguments[1], arguments[2]) : measure();
  if (error != ${upper}_OK) {
    fprintf(stderr, "error %d\n", error);
  }
#ifdef ${upper}_TRACE
  if (trace != NULL) {
    fclose(trace);
  }
#endif
  return error == ${upper}_OK ? 0 : 1;
}
