/* A spike of channel c: the ON neuron sends one if what it is `ahead` is at least `limit`, the OFF neuron if it is as far
   behind. Of `levels` sizes, `size` times their gains, the first one is sent that is nearer than the next smaller one; the
   last, if the distance is at least `limit`, which is for the largest. */
static void send_pair(int c, float ahead, float limit, float size, int levels, const float *gains, int plane, float *sent,
                      uint8_t *spikes) {
  const float bound = limit * gains[levels - 1];
  int level, done = 0;
  for (level = 0; level < levels; ++level) {
    const float own = size * gains[level];
    const float next = level + 1 < levels ? size * gains[level + 1] : -own;
    const float nearer = 0.5f * (own + next);
    const float least = bound > nearer ? bound : nearer;
    const int on = !done && ahead >= least, off = !done && -ahead >= least;
    if (on) {
      *sent += own;
    }
    if (off) {
      *sent -= own;
    }
    done = done || on || off;
    set_spike(spikes + level * plane, c, on);
    set_spike(spikes + (levels + level) * plane, c, off);
  }
}
