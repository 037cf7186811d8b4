#include "machines/user/elf_image.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace mimus::user {
namespace {

bool inside(u64 all, u64 offset, u64 bytes) { return offset <= all && bytes <= all - offset; }

int prot_of(u32 flags) {
  return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

Expected<Elf64_Ehdr> check_header(std::span<const u8> head) {
  Elf64_Ehdr header;
  if (head.size() < SELFMAG || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0) return fail("not an ELF file");
  if (head.size() < sizeof header) return fail("ELF header cut short");
  std::memcpy(&header, head.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return fail("a 32-bit program; only 64-bit ones can run here");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return fail("a big-endian program");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return fail("not an executable ELF file");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || !header.e_phnum) return fail("no program headers");
  if (!inside(head.size(), header.e_phoff, u64{header.e_phnum} * sizeof(Elf64_Phdr)))
    return fail("program headers outside of the file, or too far from its start");
  return header;
}

Expected<void> add_segment(ElfImage& image, const Elf64_Phdr& ph, u64 file_bytes) {
  const size_t number = image.segments.size();
  if (ph.p_filesz && !inside(file_bytes, ph.p_offset, ph.p_filesz))  // nothing may lie anywhere
    return fail(fmt::format("segment {} ends outside of the file (cut short?)", number));
  if (ph.p_filesz > ph.p_memsz) return fail(fmt::format("segment {} is larger in the file than in memory", number));
  if (!inside(AddressSpace::kLimit, ph.p_vaddr, ph.p_memsz))
    return fail(fmt::format("segment {} lies outside of the address space", number));
  if ((ph.p_vaddr ^ ph.p_offset) & kPageMask)
    return fail(fmt::format("segment {} is not aligned to pages of 4 KiB in the file", number));
  if (number && ph.p_vaddr < image.segments.back().address + image.segments.back().memory_bytes)
    return fail(fmt::format("segment {} overlaps the one before", number));
  if (std::has_single_bit(ph.p_align)) image.alignment = std::max(image.alignment, ph.p_align);
  image.segments.push_back({ph.p_offset, ph.p_vaddr, ph.p_filesz, ph.p_memsz, prot_of(ph.p_flags)});
  return {};
}

// Linux gABI extensions, "Program Property": one note, whose descriptor is a list of (type, bytes, data).
std::vector<u8> properties_of(std::span<const u8> head, const Elf64_Phdr& ph) {
  constexpr u32 kGnuProperty = 5;
  Elf64_Nhdr note;
  constexpr u64 kStart = sizeof note + 4;  // behind the name "GNU"
  if (!inside(head.size(), ph.p_offset, ph.p_filesz) || ph.p_filesz < kStart) return {};
  const auto bytes = head.subspan(ph.p_offset, ph.p_filesz);
  std::memcpy(&note, bytes.data(), sizeof note);
  if (note.n_type != kGnuProperty || note.n_namesz != 4 || std::memcmp(&bytes[sizeof note], "GNU", 4) != 0) return {};
  if (note.n_descsz > bytes.size() - kStart) return {};
  return {bytes.begin() + kStart, bytes.begin() + kStart + note.n_descsz};
}

// The zeroes behind a segment's file bytes: the rest of the last page (all of it, as Linux does it: dynamic linkers
// allocate there), then pages without a file.
Expected<void> load_zeroes(const LoadSegment& s, u64 bias, AddressSpace& memory) {
  const GuestVa file_end = s.address + s.file_bytes + bias, memory_end = s.address + s.memory_bytes + bias;
  const GuestVa page = align_up(file_end, kPageSize);
  if (s.file_bytes && s.prot & PROT_WRITE && page != file_end && memory_end > file_end) {
    const std::vector<u8> zeroes(page - file_end);
    if (memory.copy_out(file_end, zeroes.data(), zeroes.size()) != 0) return fail("its data cannot be written");
  }
  const GuestVa start = s.file_bytes ? page : align_down(file_end, kPageSize);
  if (memory_end <= start) return {};
  const s64 mapped =
      memory.map(start, memory_end - start, s.prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (mapped < 0) return fail(fmt::format("no memory at {:#x}: {}", start, strerror(int(-mapped))));
  return {};
}

Expected<void> load_segment(const LoadSegment& s, u64 bias, int fd, AddressSpace& memory) {
  const GuestVa start = align_down(s.address + bias, kPageSize);
  if (s.file_bytes) {
    const u64 bytes = s.file_bytes + (s.address & kPageMask);
    const s64 mapped =
        memory.map(start, bytes, s.prot, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, align_down(s.offset, kPageSize));
    if (mapped < 0) return fail(fmt::format("cannot be mapped at {:#x}: {}", start, strerror(int(-mapped))));
  }
  return load_zeroes(s, bias, memory);
}

}  // namespace

u64 ElfImage::high() const { return align_up(segments.back().address + segments.back().memory_bytes, kPageSize); }

Expected<ElfImage> parse_image(std::span<const u8> head, u64 file_bytes) {
  MIMUS_TRY(const auto header, check_header(head));
  ElfImage image;
  image.machine = header.e_machine;
  image.fixed = header.e_type == ET_EXEC;
  image.entry = header.e_entry;
  image.header_offset = header.e_phoff;
  image.header_count = header.e_phnum;
  for (unsigned i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr ph;
    std::memcpy(&ph, head.data() + header.e_phoff + i * sizeof ph, sizeof ph);
    if (ph.p_type == PT_LOAD && ph.p_memsz) MIMUS_CHECK(add_segment(image, ph, file_bytes));
    if (ph.p_type == PT_GNU_PROPERTY) image.properties = properties_of(head, ph);
    if (ph.p_type == PT_GNU_STACK) image.executable_stack = ph.p_flags & PF_X;
    if (ph.p_type == PT_INTERP) {
      if (!inside(file_bytes, ph.p_offset, ph.p_filesz) || ph.p_filesz < 2 || ph.p_filesz > 4096)
        return fail("the name of its dynamic linker lies outside of the file");
      image.interpreter_offset = ph.p_offset;
      image.interpreter_bytes = ph.p_filesz;
    }
  }
  if (image.segments.empty()) return fail("nothing to load in it");
  for (const LoadSegment& s : image.segments)
    if (header.e_phoff >= s.offset && header.e_phoff - s.offset < s.file_bytes)
      image.header_address = s.address + (header.e_phoff - s.offset);
  return image;
}

Expected<LoadedImage> load_image(const ElfImage& image, int fd, AddressSpace& memory, GuestVa where) {
  LoadedImage loaded;
  if (!image.fixed) {
    // Reserved as a whole, so that nothing gets between the segments.
    const u64 bytes = image.high() - image.low();
    const u64 room = bytes + image.alignment - kPageSize;
    const s64 reserved = memory.map(where, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved < 0) return fail(fmt::format("no room for {} bytes: {}", bytes, strerror(int(-reserved))));
    memory.unmap(GuestVa(reserved), room);
    loaded.bias = align_up(GuestVa(reserved), image.alignment) - image.low();
  }
  for (const LoadSegment& s : image.segments) MIMUS_CHECK(load_segment(s, loaded.bias, fd, memory));
  loaded.entry = image.entry + loaded.bias;
  loaded.headers = image.header_address ? image.header_address + loaded.bias : 0;
  loaded.end = image.high() + loaded.bias;
  return loaded;
}

}  // namespace mimus::user
