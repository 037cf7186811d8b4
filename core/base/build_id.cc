#include "core/base/build_id.h"

#include <elf.h>
#include <link.h>

#include <cstring>
#include <span>

#include "core/base/bytes.h"

namespace mimus {

namespace {

// The note among those in [at, end), as hexadecimal digits.
std::string find_note(const u8* at, const u8* end) {
  while (at + sizeof(ElfW(Nhdr)) <= end) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const u8* name = at + sizeof note;
    const u8* data = name + align_up(note.n_namesz, 4);
    at = data + align_up(note.n_descsz, 4);
    if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 || std::memcmp(name, "GNU", 4) != 0 || at > end) continue;
    std::string text;
    for (u32 i = 0; i < note.n_descsz; ++i) {
      text += "0123456789abcdef"[data[i] >> 4];
      text += "0123456789abcdef"[data[i] & 15];
    }
    return text;
  }
  return {};
}

struct Search {
  u64 inside;
  std::string found;
};

int look_at(dl_phdr_info* object, size_t, void* data) {
  Search& search = *static_cast<Search*>(data);
  const auto headers = std::span(object->dlpi_phdr, object->dlpi_phnum);
  const auto start = [&](const ElfW(Phdr) & h) { return object->dlpi_addr + h.p_vaddr; };
  bool here = false;
  for (const auto& h : headers) here |= h.p_type == PT_LOAD && search.inside - start(h) < h.p_memsz;
  if (!here) return 0;
  for (const auto& h : headers) {
    if (h.p_type != PT_NOTE || !search.found.empty()) continue;
    const u8* notes = reinterpret_cast<const u8*>(start(h));
    search.found = find_note(notes, notes + h.p_memsz);
  }
  return 1;
}

}  // namespace

std::string build_id() {
  Search search{reinterpret_cast<u64>(&build_id), {}};
  dl_iterate_phdr(look_at, &search);
  return search.found;
}

}  // namespace mimus
