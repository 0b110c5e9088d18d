/* A step of the neurons of one pixel: v += current; those at their threshold or above spike, and it is subtracted. */
static void fire_subtract(int n, const float *current, const float *base, const float *threshold, float *v,
                          uint8_t *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    const float u = v[c] + (current[c] + (base != NULL ? base[c] : 0.0f));
    const int fires = u >= threshold[c];
    v[c] = fires ? u - threshold[c] : u;
    set_spike(spikes, c, fires);
  }
}
