/* sums += potential, which is a multiple of 1 / scale where weights are integers. */
static void add_potentials(int pixels, int channels, const float *v, const float *scale, float *sums) {
  int p, c;
  for (p = 0; p < pixels; ++p, v += channels, sums += channels) {
    for (c = 0; c < channels; ++c) {
      sums[c] += scale != NULL ? v[c] / scale[c] : v[c];
    }
  }
}
