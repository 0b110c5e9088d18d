/* The same with a leak: v = decay v + gain current. */
static void leak_subtract(int n, const float *current, const float *base, const float *threshold, float decay,
                          float gain, float *v, uint8_t *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    const float u = v[c] * decay + (current[c] + (base != NULL ? base[c] : 0.0f)) * gain;
    const int fires = u >= threshold[c];
    v[c] = fires ? u - threshold[c] : u;
    set_spike(spikes, c, fires);
  }
}
