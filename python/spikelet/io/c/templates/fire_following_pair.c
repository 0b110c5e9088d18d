/* A step of the pairs of one pixel that follow @f@ of their estimate z, whose spikes count `size`. */
static void fire_following_pair(int n, const float *current, const float *base, const float *pace, const float *offset,
                                const float *limit, const float *scale, const float *alpha, const float *beta,
                                float size, int levels, const float *gains, int plane, float *v, float *sent, uint8_t *spikes) {
  int c;
  (void)alpha;
  (void)beta;
  for (c = 0; c < n; ++c) {
    float z, ahead;
    v[c] += (current[c] + (base != NULL ? base[c] : 0.0f)) * size;
    z = v[c] * pace[c] + offset[c];
    ahead = (@f@) * scale[c] - sent[c];
    send_pair(c, ahead, limit[c], size, levels, gains, plane, sent + c, spikes);
  }
}
