/* Products of matrices [rows][inner] and [inner][columns]: number k is that of the matrices first[k] and second[k]. */
static void multiply_matrices(int count, int rows, int inner, int columns, const int *first, const int *second,
                              const float *a, const float *b, float *out) {
  int k, r, i, c;
  for (k = 0; k < count; ++k) {
    const float *value = a + first[k] * rows * inner;
    for (r = 0; r < rows; ++r, out += columns) {
      const float *row = b + second[k] * inner * columns;
      for (c = 0; c < columns; ++c) {
        out[c] = 0.0f;
      }
      for (i = 0; i < inner; ++i, ++value, row += columns) {
        for (c = 0; c < columns; ++c) {
          out[c] += row[c] * *value;
        }
      }
    }
  }
}
