/* sum += the weights of the spikes that the output pixel (y, x) sees, times what they count. Spikes are listed first, so
   that only they cost anything; weights are [group][outputs in fours, then one by one][kernel row][kernel column][channel of
   the group][output]. */
static void add_synapses(const struct kernel *k, const @weight@ *weights, const @value@ *values, int y, int x,
                         int32_t *sum) {
  enum { ROOM = 64 };
  const int in_group = k->in_channels / k->groups, out_group = k->outputs / k->groups;
  const int all = k->height * k->width * in_group;
  int at[ROOM], g, ky, kx, c;
  int32_t count[ROOM];
  for (g = 0; g < k->groups; ++g, weights += all * out_group, sum += out_group) {
    int listed = 0;
    for (ky = 0; ky < k->height; ++ky) {
      const int iy = input_row(k, y, ky);
      for (kx = 0; kx < k->width; ++kx) {
        const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
        const @value@ *from = values + (iy * k->in_width + ix) * k->in_channels + g * in_group;
        const int first = (ky * k->width + kx) * in_group;
        const int seen = iy >= 0 && ix >= 0 && ix < k->in_width ? in_group : 0;
        for (c = 0; c < seen; ++c) {
          at[listed] = first + c;
          count[listed] = from[c];
          listed += from[c] != 0;
          if (listed == ROOM) {
            @listed@(listed, at, count, all, out_group, weights, sum);
            listed = 0;
          }
        }
      }
    }
    @listed@(listed, at, count, all, out_group, weights, sum);
  }
}
