/* As fire_once, but of an ON and an OFF neuron at most one fires: the sign of steps - zero tells which. */
static void fire_once_signed(int n, const int32_t *unit, int32_t high, const int32_t *zero, const int32_t *potential, @value@ *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    const int32_t steps = potential[c] < unit[c] ? 0 : potential[c] / unit[c];
    spikes[c] = (@value@)((steps < high ? steps : high) - zero[c]);
  }
}
