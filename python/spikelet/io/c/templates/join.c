/* sum (+)= gain times part. */
static void join(int n, const @value@ *part, @value@ gain, int add, @value@ *sum) {
  int o;
  for (o = 0; o < n; ++o) {
    const @value@ value = @part[o] * gain@;
    sum[o] = add ? @sum[o] + value@ : value;
  }
}
