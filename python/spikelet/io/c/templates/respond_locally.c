/* x / (k + alpha / size * sum(x^2))^beta, with the sum over `size` neighbors along the axis `n` of [outer][n][inner]. */
static void respond_locally(int outer, int n, int inner, int size, double alpha, double beta, double k, const float *from,
                            float *to) {
  const int before = size / 2, after = (size - 1) / 2;
  int o, i, c, j;
  for (o = 0; o < outer; ++o, from += (n - 1) * inner, to += (n - 1) * inner) {
    for (i = 0; i < inner; ++i, ++from, ++to) {
      for (c = 0; c < n; ++c) {
        double squares = 0.0;
        for (j = c < before ? 0 : c - before; j < n && j < c + after + 1; ++j) {
          const double v = (double)from[j * inner];
          squares += v * v;
        }
        to[c * inner] = (float)((double)from[c * inner] / pow(k + alpha / (double)size * squares, beta));
      }
    }
  }
}
