/* Whether all values are finite. */
static int are_finite(int n, const float *values) {
  int k;
  for (k = 0; k < n; ++k) {
    if (!(values[k] - values[k] == 0.0f)) {
      return 0;
    }
  }
  return 1;
}
