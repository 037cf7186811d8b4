// Small ELF files for tests.
#pragma once

#include <elf.h>

#include <cstring>
#include <vector>

#include "core/base/bytes.h"

namespace mimus {

struct ElfMaker {
  u16 machine = EM_RISCV;
  u64 entry = 0x80000000;
  struct Segment {
    u64 virtual_address, physical_address;
    Bytes data;
    u64 memory_size;
  };
  std::vector<Segment> segments;

  Bytes make() const {
    Bytes file(sizeof(Elf64_Ehdr) + segments.size() * sizeof(Elf64_Phdr), 0);
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = machine;
    header.e_entry = entry;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = u16(segments.size());
    std::memcpy(file.data(), &header, sizeof header);
    size_t at = sizeof header;
    for (const Segment& s : segments) {
      Elf64_Phdr ph{};
      ph.p_type = PT_LOAD;
      ph.p_flags = PF_R | PF_W | PF_X;
      ph.p_offset = file.size();
      ph.p_vaddr = s.virtual_address;
      ph.p_paddr = s.physical_address;
      ph.p_filesz = s.data.size();
      ph.p_memsz = s.memory_size;
      std::memcpy(file.data() + at, &ph, sizeof ph);
      at += sizeof ph;
      file.insert(file.end(), s.data.begin(), s.data.end());
    }
    return file;
  }
};

}  // namespace mimus
