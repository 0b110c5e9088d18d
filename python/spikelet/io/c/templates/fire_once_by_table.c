/* As fire_once, but thresholds do not fall evenly: a table of each neuron has the steps, negative for an OFF neuron. */
static void fire_once_by_table(int n, const int32_t *unit, int32_t high, const int16_t *table, const int32_t *potential, @value@ *spikes) {
  int c;
  for (c = 0; c < n; ++c, table += high + 1) {
    const int32_t entry = potential[c] < unit[c] ? 0 : potential[c] / unit[c];
    spikes[c] = (@value@)table[entry < high ? entry : high];
  }
}
