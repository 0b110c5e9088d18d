static void add_to(int n, const float *from, float *to) {
  int k;
  for (k = 0; k < n; ++k) {
    to[k] += from[k];
  }
}
