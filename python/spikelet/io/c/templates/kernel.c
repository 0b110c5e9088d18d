/* A kernel that slides over an image, or, with planes of rows, over a volume. */
struct kernel {
  int in_height, in_width, in_channels; /* rows of all planes */
  int height, width;                    /* of the kernel, likewise */
  int stride_y, stride_x, dilation_y, dilation_x, top, left;
  int groups, outputs;
  int depth, stride_z, dilation_z, front, in_depth, out_height;
};
