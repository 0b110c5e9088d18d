static void clear(int n, @value@ *sum) {
  int c;
  for (c = 0; c < n; ++c) {
    sum[c] = 0;
  }
}
