/* A step of the neurons of one pixel: v += current; those at their threshold or above spike and are reset. */
static void fire_zero(int n, const float *current, const float *base, const float *threshold, float v_reset, float *v,
                      uint8_t *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    const float u = v[c] + (current[c] + (base != NULL ? base[c] : 0.0f));
    const int fires = u >= threshold[c];
    v[c] = fires ? v_reset : u;
    set_spike(spikes, c, fires);
  }
}
