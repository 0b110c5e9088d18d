/* The neurons of one pixel fire when their falling threshold meets the potential: `high` steps, or fewer, before the end of
   their window, or not at all (0). */
static void fire_once(int n, const int32_t *unit, int32_t high, const int32_t *potential, @value@ *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    const int32_t steps = potential[c] < unit[c] ? 0 : potential[c] / unit[c];
    spikes[c] = (@value@)(steps < high ? steps : high);
  }
}
