/* The same where the threshold is subtracted in the step after a spike: `amount`, which a strict threshold exceeds. */
static void leak_subtract_later(int n, const float *current, const float *base, const float *threshold,
                                const float *amount, float decay, float gain, float *v, uint8_t *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    const float charged = v[c] * decay + (current[c] + (base != NULL ? base[c] : 0.0f)) * gain;
    const float u = v[c] >= threshold[c] ? charged - amount[c] : charged;
    set_spike(spikes, c, u >= threshold[c]);
    v[c] = u;
  }
}
