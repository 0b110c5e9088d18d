/* to += size times from. */
static void add_sized(int n, float size, const float *from, float *to) {
  int k;
  for (k = 0; k < n; ++k) {
    to[k] += size * from[k];
  }
}
