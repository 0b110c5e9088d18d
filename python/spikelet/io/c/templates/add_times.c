/* sum += gain times the values of one pixel. */
static void add_times(int n, const int32_t *gain, const @value@ *values, int32_t *sum) {
  int c;
  for (c = 0; c < n; ++c) {
    sum[c] += gain[c] * values[c];
  }
}
