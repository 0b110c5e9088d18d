/* A step of the pairs of one pixel, whose spikes count `size`: the ON neuron spikes if the estimate, limited to 0 .. `ceiling`
   (unless that is NULL), is at least `limit` ahead of what was sent, the OFF neuron if it is as far behind. */
static void fire_pair(int n, const float *current, const float *base, const float *pace, const float *offset,
                      const float *limit, const float *ceiling, float size, int levels, const float *gains,
                      int plane, float *v, float *sent,
                      uint8_t *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    float aim, ahead;
    v[c] += (current[c] + (base != NULL ? base[c] : 0.0f)) * size;
    aim = v[c] * pace[c] + offset[c];
    aim = aim > 0.0f ? aim : 0.0f;
    aim = ceiling != NULL && aim > ceiling[c] ? ceiling[c] : aim;
    ahead = aim - sent[c];
    send_pair(c, ahead, limit[c], size, levels, gains, plane, sent + c, spikes);
  }
}
