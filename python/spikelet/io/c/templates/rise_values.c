/* The rise of the greatest sums since the step before. */
static void rise_values(int n, const float *greatest, float *before, float *out) {
  int k;
  for (k = 0; k < n; ++k) {
    out[k] = greatest[k] - before[k];
    before[k] = greatest[k];
  }
}
