/* An input, [channel][pixel], as [pixel][channel], less what stands for 0. */
static void take_input(int pixels, int channels, int zero, const @value@ *from, @to@ *to) {
  int p, c;
  for (p = 0; p < pixels; ++p) {
    for (c = 0; c < channels; ++c) {
      *to++ = (@to@)(from[c * pixels + p] - zero);
    }
  }
}
