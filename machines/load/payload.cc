#include "machines/load/payload.h"

#include <fmt/format.h>

#include <algorithm>

#include "machines/load/elf.h"
#include "machines/load/file.h"
#include "machines/load/linux_image.h"

namespace mimus {
namespace {

constexpr u64 kMostUnpacked = u64{1} << 30;

Expected<void> check_fits(const PayloadRules& rules, GuestPa start, u64 bytes) {
  if (start >= rules.ram_base && start - rules.ram_base <= rules.ram_size &&
      bytes <= rules.ram_size - (start - rules.ram_base)) {
    return {};
  }
  return fail(fmt::format("it needs {} KiB at {:#x}, but RAM is {:#x}..{:#x}; give the machine more --memory?",
                          (bytes + 1023) / 1024, start, rules.ram_base, rules.ram_base + rules.ram_size));
}

Expected<Payload> from_elf(std::span<const u8> data, const PayloadRules& rules) {
  MIMUS_TRY(auto elf, parse_elf(data));
  if (elf.machine != rules.elf_machine)
    return fail(
        fmt::format("an ELF file for another processor (e_machine {}, wanted {})", elf.machine, rules.elf_machine));
  const ElfSegment* entry = elf.segment_at(elf.entry);
  if (!entry) return fail("the ELF entry point lies in no segment");
  u64 lowest = ~u64{0};
  for (const ElfSegment& s : elf.segments) lowest = std::min(lowest, s.physical_address);
  const bool in_ram = lowest >= rules.ram_base && lowest - rules.ram_base < rules.ram_size;
  const u64 move = in_ram ? 0 : rules.flat_address - lowest;  // modulo 2^64
  Payload payload;
  for (const ElfSegment& s : elf.segments) {
    const GuestPa address = s.physical_address + move;
    MIMUS_CHECK(check_fits(rules, address, s.memory_size));
    Bytes bytes(s.data.begin(), s.data.end());
    bytes.resize(s.memory_size, 0);
    payload.parts.push_back({address, std::move(bytes)});
    payload.end = std::max(payload.end, address + s.memory_size);
  }
  payload.entry = elf.entry - entry->virtual_address + entry->physical_address + move;
  return payload;
}

Expected<Payload> from_flat(Bytes data, const PayloadRules& rules) {
  GuestPa address = rules.flat_address;
  u64 size = data.size();
  if (auto image = parse_linux_image(data)) {
    if (image->elf_machine != rules.elf_machine) return fail("a Linux image for another processor");
    if (image->text_offset > rules.ram_size) return fail("Linux image: its text offset lies outside of RAM");
    address = rules.ram_base + rules.image_offset + image->text_offset;
    size = std::max<u64>(size, image->image_size);
  }
  MIMUS_CHECK(check_fits(rules, address, size));
  Payload payload;
  payload.entry = address;
  payload.end = address + size;
  payload.parts.push_back({address, std::move(data)});
  return payload;
}

}  // namespace

Expected<Payload> parse_payload(Bytes data, const PayloadRules& rules) {
  MIMUS_TRY(auto zboot, parse_efi_zboot(data));
  if (zboot) {
    MIMUS_TRY(auto unpacked, gunzip(*zboot, kMostUnpacked));
    data = std::move(unpacked);
  } else if (is_gzip(data)) {
    MIMUS_TRY(auto unpacked, gunzip(data, kMostUnpacked));
    data = std::move(unpacked);
  }
  if (is_elf(data)) return from_elf(data, rules);
  return from_flat(std::move(data), rules);
}

Expected<Payload> load_payload(const std::string& path, const PayloadRules& rules) {
  MIMUS_TRY(auto data, read_file(path, rules.what));
  auto payload = parse_payload(std::move(data), rules);
  if (!payload) return fail(fmt::format("{} {}: {}", rules.what, path, payload.error().message));
  return payload;
}

}  // namespace mimus
