/* sum = the products of the weights and the values that the output pixel (y, x) sees; weights [group][kernel row][kernel
   column][channel of the group][output of the group]. Values are [y][x][channel], or if `plain` [channel][y][x]. */
static void convolve(const struct kernel *k, const float *weights, const float *values, int plain, int y, int x,
                     float *sum) {
  const int in_group = k->in_channels / k->groups, out_group = k->outputs / k->groups;
  const int per_channel = plain ? k->in_height * k->in_width : 1, per_pixel = plain ? 1 : k->in_channels;
  int g, ky, kx, c, o;
  for (g = 0; g < k->groups; ++g, sum += out_group) {
    for (o = 0; o < out_group; ++o) {
      sum[o] = 0;
    }
    for (ky = 0; ky < k->height; ++ky) {
      const int iy = input_row(k, y, ky);
      if (iy < 0) {
        weights += k->width * in_group * out_group;
        continue;
      }
      for (kx = 0; kx < k->width; ++kx) {
        const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
        const float *from = values + (iy * k->in_width + ix) * per_pixel + g * in_group * per_channel;
        if (ix < 0 || ix >= k->in_width) {
          weights += in_group * out_group;
          continue;
        }
        for (c = 0; c < in_group; ++c, weights += out_group) {
          const float value = from[c * per_channel];
          for (o = 0; o < out_group; ++o) {
            sum[o] += weights[o] * value;
          }
        }
      }
    }
  }
}
