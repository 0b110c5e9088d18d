/* The same where a spike counts `size`, which may be negative: such a spike takes back. More than `ceiling`, if it is not
   NULL, is not sent. */
static void fire_sized(int n, const float *current, const float *base, const float *pace, const float *limit,
                       const float *ceiling, float size, float *v, float *sent, uint8_t *spikes) {
  const float sign = size < 0.0f ? -1.0f : 1.0f;
  int c;
  for (c = 0; c < n; ++c) {
    int fires;
    v[c] += (current[c] + (base != NULL ? base[c] : 0.0f)) * size;
    fires = (v[c] * pace[@c@] - sent[c]) * sign >= limit[@c@] && (ceiling == NULL || ceiling[@c@] >= sent[c] * sign);
    if (fires) {
      sent[c] += size;
    }
    set_spike(spikes, c, fires);
  }
}
