// `mimus img`: disk images on the host.
#pragma once

#include "core/base/error.h"

namespace mimus::cli {

// `argv`: what follows "mimus img". Returns the exit code of the process.
Expected<int> img_command(int argc, const char* const* argv);

}  // namespace mimus::cli
