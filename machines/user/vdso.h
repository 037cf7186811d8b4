// The guest's vDSO images (roms/vdso).
#pragma once

#include <span>
#include <string_view>

#include "core/base/types.h"

namespace mimus::user {

std::span<const u8> riscv64_vdso();
std::span<const u8> aarch64_vdso();
// Address of a dynamic symbol of such an image; 0: it has none of that name.
u64 vdso_symbol(std::span<const u8> image, std::string_view name);

}  // namespace mimus::user
