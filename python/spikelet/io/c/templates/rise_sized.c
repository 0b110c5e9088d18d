/* The rise of the greatest sums since the step before, which counts `size`. */
static void rise_sized(int n, float size, const float *greatest, float *before, float *out) {
  int k;
  for (k = 0; k < n; ++k) {
    out[k] = (greatest[k] - before[k]) / size;
    before[k] = greatest[k];
  }
}
