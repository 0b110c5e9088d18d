/* A spike of channel c: the ON neuron sends one if what it is `ahead` is at least `limit`, the OFF neuron if it is as far
   behind. There are `levels` sizes, each half of the one before: one is sent if it is nearer than the next smaller one,
   the smallest if it is as far ahead as `limit`, which is that of the largest, says. */
static void send_pair(int c, float ahead, float limit, float size, int levels, int plane, float *sent, uint8_t *spikes) {
  const float bound = limit * (1.0f / (float)((int32_t)1 << (levels - 1)));
  int level, done = 0;
  for (level = 0; level < levels; ++level, size *= 0.5f) {
    const float nearer = level + 1 < levels ? 0.75f * size : 0.0f;
    const float least = bound > nearer ? bound : nearer;
    const int on = !done && ahead >= least, off = !done && -ahead >= least;
    if (on) {
      *sent += size;
    }
    if (off) {
      *sent -= size;
    }
    done = done || on || off;
    set_spike(spikes + level * plane, c, on);
    set_spike(spikes + (levels + level) * plane, c, off);
  }
}
