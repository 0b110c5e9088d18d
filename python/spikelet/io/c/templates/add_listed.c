/* sum += the weights of the listed inputs times what they count; `all` is the number of inputs of an output. */
static void add_listed(int listed, const int *at, const int32_t *count, int all, int outputs, const @weight@ *weights,
                       int32_t *sum) {
  int o, i;
  for (o = 0; o + 4 <= outputs; o += 4, weights += 4 * all, sum += 4) {
    int32_t first = sum[0], second = sum[1], third = sum[2], fourth = sum[3];
    for (i = 0; i < listed; ++i) {
      const @weight@ *of_input = weights + 4 * at[i];
      const int32_t n = count[i];
      first += of_input[0] * n;
      second += of_input[1] * n;
      third += of_input[2] * n;
      fourth += of_input[3] * n;
    }
    sum[0] = first;
    sum[1] = second;
    sum[2] = third;
    sum[3] = fourth;
  }
  for (; o < outputs; ++o, weights += all, ++sum) {
    int32_t only = *sum;
    for (i = 0; i < listed; ++i) {
      only += weights[at[i]] * count[i];
    }
    *sum = only;
  }
}
