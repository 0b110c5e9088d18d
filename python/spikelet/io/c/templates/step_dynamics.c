/* Neurons with coefficients of their own: arrays are NULL where a neuron has no current (syn_decay), takes its current
   after its step (pull), or has no adaptation (boost). reset: 0 subtracts the threshold, 1 sets v_reset, 2 does nothing.
   Without spikes, neurons send their potential, which is a multiple of 1 / scale where weights are integers. */
static void step_dynamics(int n, const float *current, const float *base, const float *threshold, const float *decay,
                          const float *gain, const float *drive, const float *syn_decay, const float *syn_gain,
                          const float *pull, const float *v_reset, const float *adapt_decay, const float *boost,
                          const float *scale, int reset, int strict, int later, float *v, float *i, float *a,
                          uint8_t *spikes, float *values) {
  int c;
  for (c = 0; c < n; ++c) {
    float input = current[c] + (base != NULL ? base[c] : 0.0f), u = v[c] * decay[c], limit;
    int fires;
    if (syn_decay != NULL) {
      const float next = syn_decay[c] * i[c] + syn_gain[c] * input;
      if (pull != NULL) {
        u = u + pull[c] * i[c];
      } else {
        input = next;
      }
      i[c] = next;
    }
    u = u + gain[c] * input + drive[c];
    if (spikes == NULL) {
      v[c] = u;
      values[c] = scale != NULL ? u / scale[c] : u;
      continue;
    }
    if (later && (strict ? v[c] > threshold[c] : v[c] >= threshold[c])) {
      u = u - threshold[c];
    }
    limit = boost != NULL ? threshold[c] + boost[c] * a[c] : threshold[c];
    fires = strict ? u > limit : u >= limit;
    if (boost != NULL) {
      a[c] = adapt_decay[c] * a[c] + (float)fires;
    }
    if (fires && !later && reset < 2) {
      u = reset == 0 ? u - threshold[c] : v_reset[c];
    }
    set_spike(spikes, c, fires);
    v[c] = u;
  }
}
