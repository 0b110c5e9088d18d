// Problems of layered.cpp, with single-precision and with 16-bit weights.
#pragma once

#include "problem.hpp"

Work layered_single();
Work layered_whole();
