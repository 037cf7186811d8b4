// The headers by which a boot loader recognises Linux kernels.
#pragma once

#include <optional>
#include <span>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

// "Image" of RISC-V and of AArch64. Source: Linux, Documentation/arch/riscv/boot-image-header.rst, version 0.2;
// Documentation/arch/arm64/booting.rst, section 4.
struct LinuxImage {
  u16 elf_machine = 0;  // the processor that it is for
  u64 text_offset = 0;  // from the start of RAM; AArch64: from an address aligned to 2 MiB
  u64 image_size = 0;   // bytes in memory, .bss included
};
std::optional<LinuxImage> parse_linux_image(std::span<const u8> data);

// The compressed kernel inside an EFI "zboot" file. Source: Linux, drivers/firmware/efi/libstub/zboot-header.S.
// Null when it is not such a file; an error when it is one that cannot be unpacked.
Expected<std::optional<std::span<const u8>>> parse_efi_zboot(std::span<const u8> data);

}  // namespace mimus
