/* A step of the neurons of one pixel: those spike whose summed input times this step's pace is at least `limit` ahead of
   what they have sent. */
static void fire_predictive(int n, const float *current, const float *base, const float *pace, const float *limit,
                            float *v, @sent@ *sent, uint8_t *spikes) {
  int c;
  for (c = 0; c < n; ++c) {
    int fires;
    v[c] += current[c] + (base != NULL ? base[c] : 0.0f);
    fires = v[c] * pace[@c@] - (float)sent[c] >= limit[@c@];
    if (fires) {
      sent[c] = (@sent@)(sent[c] + 1);
    }
    set_spike(spikes, c, fires);
  }
}
