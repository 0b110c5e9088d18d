// See layered.cpp: weights in single precision, and of 16 bits.
#pragma once

#include "problem.hpp"

Work layered_single();
Work layered_whole();
