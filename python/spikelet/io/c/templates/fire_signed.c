/* A step of the neurons of one pixel, with spikes of `levels` sizes (threshold, threshold / 2, ...) and both signs. `sent`
   counts the smallest size. Up: the largest size that the potential reaches. Down: the largest that leaves it below the
   smallest one, and takes back no more than was sent. */
static void fire_signed(int n, const float *current, const float *base, const float *threshold, float decay, float gain,
                        int levels, int plane, float *v, int32_t *sent, uint8_t *spikes) {
  const int32_t units = (int32_t)1 << (levels - 1); /* smallest sizes in a threshold */
  int c, level;
  for (c = 0; c < n; ++c) {
    const float smallest = threshold[c] * (1.0f / (float)units);
    const float u = v[c] * decay + (current[c] + (base != NULL ? base[c] : 0.0f)) * gain;
    float part = 1.0f, out = 0.0f;
    int32_t size = units, change = 0;
    for (level = 0; level < levels; ++level, part *= 0.5f, size /= 2) {
      const float step = threshold[c] * part;
      const int up = change == 0 && u >= step;
      const int down = change == 0 && !up && u < smallest - step && sent[c] >= size;
      set_spike(spikes + level * plane, c, up);
      set_spike(spikes + (levels + level) * plane, c, down);
      if (up || down) {
        out = up ? part : -part;
        change = up ? size : -size;
      }
    }
    v[c] = u - out * threshold[c];
    sent[c] += change;
  }
}
