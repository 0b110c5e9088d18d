/* |x|. */
static float magnitude_of(float x) { return bits_float(float_bits(x) & 0x7fffffffu); }
