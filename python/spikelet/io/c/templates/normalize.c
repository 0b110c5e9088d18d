/* (x - mean) / sqrt(mean square + eps) along the axis `n` of [outer][n][inner]; without the mean if it is not centered. */
static void normalize(int outer, int n, int inner, int centered, double eps, const float *from, float *to) {
  int o, i, k;
  for (o = 0; o < outer; ++o, from += (n - 1) * inner, to += (n - 1) * inner) {
    for (i = 0; i < inner; ++i, ++from, ++to) {
      double mean = 0.0, squares = 0.0, scale;
      for (k = 0; centered && k < n; ++k) {
        mean += (double)from[k * inner];
      }
      mean /= (double)n;
      for (k = 0; k < n; ++k) {
        const double d = (double)from[k * inner] - mean;
        squares += d * d;
      }
      scale = 1.0 / sqrt(squares / (double)n + eps);
      for (k = 0; k < n; ++k) {
        to[k * inner] = (float)(((double)from[k * inner] - mean) * scale);
      }
    }
  }
}
