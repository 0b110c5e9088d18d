/* Copies values to [pixel][channel] from the place rows[pixel] + columns[channel], where neither is negative. */
static void place_values(int pixels, int channels, const @index@ *rows, const @index@ *columns, const @value@ *from,
                         @to@ *to) {
  int p, c;
  for (p = 0; p < pixels; ++p, to += channels) {
    for (c = 0; c < channels && rows[p] >= 0; ++c) {
      if (columns[c] >= 0) {
        to[c] = (@to@)from[rows[p] + columns[c]];
      }
    }
  }
}
