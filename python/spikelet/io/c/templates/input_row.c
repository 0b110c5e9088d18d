/* The row of the input that row ky of the kernel sees from row y of the output, or -1. */
static int input_row(const struct kernel *k, int y, int ky) {
  const int row = y * k->stride_y + ky * k->dilation_y - k->top;
  return row >= 0 && row < k->in_height ? row : -1;
}
