static void mean_values(int n, const float *sums, float window, float *means) {
  int k;
  for (k = 0; k < n; ++k) {
    means[k] = sums[k] / window;
  }
}
