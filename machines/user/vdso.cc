#include "machines/user/vdso.h"

#include <elf.h>

// MIMUS_VDSO_RISCV64 is the path of roms/vdso/mimus-vdso-riscv64.so; the assembler copies the file into read-only data.
asm(".pushsection .rodata\n"
    ".balign 4096\n"
    "mimus_vdso_riscv64_start: .incbin \"" MIMUS_VDSO_RISCV64
    "\"\n"
    "mimus_vdso_riscv64_end:\n"
    ".popsection\n");

extern "C" {
extern const mimus::u8 mimus_vdso_riscv64_start[];
extern const mimus::u8 mimus_vdso_riscv64_end[];
}

namespace mimus::user {

std::span<const u8> riscv64_vdso() { return {mimus_vdso_riscv64_start, mimus_vdso_riscv64_end}; }

// The image is our own: its tables are where its section headers say.
u64 vdso_symbol(std::span<const u8> image, std::string_view name) {
  auto at = [&]<class T>(u64 offset, T*) { return reinterpret_cast<const T*>(image.data() + offset); };
  const auto* header = at(0, static_cast<Elf64_Ehdr*>(nullptr));
  const auto* sections = at(header->e_shoff, static_cast<Elf64_Shdr*>(nullptr));
  for (unsigned i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const auto* symbols = at(sections[i].sh_offset, static_cast<Elf64_Sym*>(nullptr));
    const auto* strings = at(sections[sections[i].sh_link].sh_offset, static_cast<char*>(nullptr));
    for (u64 s = 0; s < sections[i].sh_size / sizeof *symbols; s++)
      if (name == strings + symbols[s].st_name) return symbols[s].st_value;
  }
  return 0;
}

}  // namespace mimus::user
