/* Integers as floats. */
static void widen(int n, const int16_t *from, float *to) {
  int c;
  for (c = 0; c < n; ++c) {
    to[c] = (float)from[c];
  }
}
