/* exp(x) / sum(exp(x)) along the axis `n` of [outer][n][inner], or its logarithm. */
static void softmax(int outer, int n, int inner, int logarithm, const float *from, float *to) {
  int o, i, k;
  for (o = 0; o < outer; ++o, from += (n - 1) * inner, to += (n - 1) * inner) {
    for (i = 0; i < inner; ++i, ++from, ++to) {
      float most = from[0], part;
      double sum = 0.0;
      for (k = 1; k < n; ++k) {
        most = most < from[k * inner] ? from[k * inner] : most;
      }
      for (k = 0; k < n; ++k) {
        const float power = expf(from[k * inner] - most);
        sum += (double)power;
        to[k * inner] = logarithm ? from[k * inner] - most : power;
      }
      part = logarithm ? (float)log(sum) : (float)sum;
      for (k = 0; k < n; ++k) {
        to[k * inner] = logarithm ? to[k * inner] - part : to[k * inner] / part;
      }
    }
  }
}
