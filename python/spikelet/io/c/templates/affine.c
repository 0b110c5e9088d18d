/* values times scale plus shift, of one pixel. */
static void affine(int n, const float *scale, const float *shift, const float *from, float *to) {
  int c;
  for (c = 0; c < n; ++c) {
    to[c] = from[c] * scale[c];
    if (shift != NULL) {
      to[c] += shift[c];
    }
  }
}
