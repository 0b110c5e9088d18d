/* Each input adds its weights to the sums of later steps, in slots of a ring; those of this step are given, and their slot
   holds the bias again. Weights and delays are [input][output]. */
static void arrive_later(int inputs, int outputs, int slots, const float *weights, const int *delays, const float *bias,
                         const float *values, int now, float *ring, float *out) {
  float *slot = ring + now * outputs;
  int i, o;
  for (i = 0; i < inputs; ++i, weights += outputs, delays += outputs) {
    for (o = 0; o < outputs && values[i] != 0.0f; ++o) {
      ring[(now + delays[o]) % slots * outputs + o] += weights[o] * values[i];
    }
  }
  memcpy(out, slot, (size_t)outputs * sizeof *out);
  memcpy(slot, bias, (size_t)outputs * sizeof *slot);
}
