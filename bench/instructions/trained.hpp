// See trained.cpp: what is kept for the way back, or computed again; and all that a cell may have.
#pragma once

#include "problem.hpp"

Work trained_kept();
Work trained_again();
Work trained_rich();
