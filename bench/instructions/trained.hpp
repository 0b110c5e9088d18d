// Problems of trained.cpp: the backward pass uses kept potentials, recomputes them, or does so for
// a cell with all its features.
#pragma once

#include "problem.hpp"

Work trained_kept();
Work trained_again();
Work trained_rich();
