// Everything that a level file needs from elsewhere; it stays baseline code.
#pragma once

#include "core/level_prelude.hpp"
#include "train/levels.hpp"
