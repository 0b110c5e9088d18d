/* Adds pixels at the places of `rows` and `columns`, each times the product of the weights behind its places. */
static void add_pixels(int channels, int width, const @place@ *rows, int height, const @place@ *columns, int length,
                       const @value@ *values, @sum@ *out) {
  int i, j, c;
  for (i = 0; i < height; ++i) {
    for (j = 0; j < length; ++j) {
      const int32_t weight = (int32_t)rows[2 * i + 1] * columns[2 * j + 1];
      const @value@ *pixel = values + ((int32_t)rows[2 * i] * width + columns[2 * j]) * channels;
      for (c = 0; c < channels; ++c) {
        out[c] = (@sum@)(out[c] + weight * pixel[c]);
      }
    }
  }
}
