/* The axis `n` of [outer][n][inner] as one value: @read@ of the first one v, then @join@, then @give@. */
static void reduce(int outer, int n, int inner, const float *from, float *to) {
  int o, i, k;
  for (o = 0; o < outer; ++o, from += (n - 1) * inner) {
    for (i = 0; i < inner; ++i, ++from, ++to) {
      double v = (double)from[0], a = @read@;
      for (k = 1; k < n; ++k) {
        double b;
        v = (double)from[k * inner];
        b = @read@;
        a = @join@;
      }
      *to = (float)(@give@);
    }
  }
}
