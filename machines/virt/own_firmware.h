// The firmware of roms/sbi, which is part of the executable.
#pragma once

#include <span>

#include "core/base/types.h"

namespace mimus::virt {

std::span<const u8> own_firmware();

}  // namespace mimus::virt
