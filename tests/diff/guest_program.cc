#include "tests/diff/guest_program.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace mimus::diff {
namespace {

void append(std::vector<u8>& out, const void* data, size_t size) {
  const u8* bytes = static_cast<const u8*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

}  // namespace

std::vector<u8> make_elf(u16 machine, u32 flags, GuestVa entry, std::span<const Segment> segments) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = machine;
  header.e_version = EV_CURRENT;
  header.e_entry = entry;
  header.e_phoff = sizeof header;
  header.e_flags = flags;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = u16(segments.size());
  std::vector<u8> elf;
  append(elf, &header, sizeof header);
  u64 offset = kPageSize;
  for (const Segment& s : segments) {
    Elf64_Phdr p{};
    p.p_type = PT_LOAD;
    p.p_flags = PF_R | PF_W | PF_X;
    p.p_offset = s.bytes.empty() ? 0 : offset;
    p.p_vaddr = p.p_paddr = s.va;
    p.p_filesz = s.bytes.size();
    p.p_memsz = s.memory_size;
    p.p_align = kPageSize;
    append(elf, &p, sizeof p);
    offset += align_up(s.bytes.size(), kPageSize);
  }
  for (const Segment& s : segments) {
    elf.resize(align_up(elf.size(), kPageSize));
    append(elf, s.bytes.data(), s.bytes.size());
  }
  return elf;
}

Expected<void> run_guest(std::span<const u8> elf, const std::string& command, std::span<u8> out) {
  std::string path = fmt::format("{}/mimus-diff-{}", P_tmpdir, getpid());
  FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) return fail("cannot write " + path);
  bool written = std::fwrite(elf.data(), 1, elf.size(), file) == elf.size();
  std::fclose(file);
  chmod(path.c_str(), 0755);
  FILE* pipe = written ? popen((command + " " + path).c_str(), "r") : nullptr;
  size_t got = pipe ? std::fread(out.data(), 1, out.size(), pipe) : 0;
  int status = pipe ? pclose(pipe) : -1;
  std::remove(path.c_str());
  if (status != 0 || got != out.size())
    return fail(fmt::format("the program ended with status {:#x} after {} of {} bytes", status, got, out.size()));
  return {};
}

}  // namespace mimus::diff
