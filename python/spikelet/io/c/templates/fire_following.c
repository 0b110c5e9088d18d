/* A step of the neurons of one pixel that follow @f@ of their estimate z. A spike counts `size`, which may be negative. */
static void fire_following(int n, const float *current, const float *base, const float *pace, const float *offset,
                           const float *limit, const float *scale, const float *alpha, const float *beta, float size,
                           float *v, float *sent, uint8_t *spikes) {
  const float sign = size < 0.0f ? -1.0f : 1.0f;
  int c;
  (void)alpha;
  (void)beta;
  for (c = 0; c < n; ++c) {
    float z;
    int fires;
    v[c] += (current[c] + (base != NULL ? base[c] : 0.0f)) * size;
    z = v[c] * pace[c] + offset[c];
    fires = ((@f@) * scale[c] - sent[c]) * sign >= limit[c];
    if (fires) {
      sent[c] += size;
    }
    set_spike(spikes, c, fires);
  }
}
