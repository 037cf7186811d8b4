#include "machines/virt/own_firmware.h"

// MIMUS_SBI is the path of roms/sbi/mimus-sbi.bin; the assembler copies the file into read-only data.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    "mimus_sbi_start: .incbin \"" MIMUS_SBI
    "\"\n"
    "mimus_sbi_end:\n"
    ".popsection\n");

extern "C" {
extern const mimus::u8 mimus_sbi_start[];
extern const mimus::u8 mimus_sbi_end[];
}

namespace mimus::virt {

std::span<const u8> own_firmware() { return {mimus_sbi_start, mimus_sbi_end}; }

}  // namespace mimus::virt
