/* A convolution of spikes. Its weights are [kernel column][kernel row][channel in][output] if `walked`, else
   [kernel row][kernel column][channel in][output of the group]. */
struct events {
  int in_height, in_width, in_channels;
  int kernel_depth, kernel_height, kernel_width;
  int stride_y, stride_x, dilation_y, dilation_x, top, left;
  int groups, outputs;
};
