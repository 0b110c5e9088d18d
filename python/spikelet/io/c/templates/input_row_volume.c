/* The row of the input that row ky of the kernel sees from row y of the output, or -1. Rows are (z, y). */
static int input_row(const struct kernel *k, int y, int ky) {
  const int height = k->in_height / k->in_depth, kernel = k->height / k->depth;
  const int z = y / k->out_height * k->stride_z + ky / kernel * k->dilation_z - k->front;
  const int row = y % k->out_height * k->stride_y + ky % kernel * k->dilation_y - k->top;
  return z >= 0 && z < k->in_depth && row >= 0 && row < height ? z * height + row : -1;
}
