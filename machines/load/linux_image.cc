#include "machines/load/linux_image.h"

#include <fmt/format.h>

#include "machines/load/elf.h"
#include "machines/load/file.h"

namespace mimus {
namespace {

constexpr size_t kHeaderBytes = 64;

bool has_bytes(std::span<const u8> data, size_t offset, std::string_view bytes) {
  return data.size() >= offset + bytes.size() && std::memcmp(data.data() + offset, bytes.data(), bytes.size()) == 0;
}

}  // namespace

std::optional<LinuxImage> parse_linux_image(std::span<const u8> data) {
  constexpr size_t kTextOffset = 8, kImageSize = 16, kMagic = 56;
  struct Kind {
    u16 elf_machine;
    std::string_view magic;
  };
  static constexpr Kind kKinds[] = {{kElfRiscv, "RSC\x05"}, {kElfAarch64, "ARM\x64"}};
  if (data.size() < kHeaderBytes) return std::nullopt;
  for (const Kind& kind : kKinds) {
    if (!has_bytes(data, kMagic, kind.magic)) continue;
    return LinuxImage{kind.elf_machine, read_le(data, kTextOffset, 8), read_le(data, kImageSize, 8)};
  }
  return std::nullopt;
}

Expected<std::optional<std::span<const u8>>> parse_efi_zboot(std::span<const u8> data) {
  constexpr size_t kImageType = 4, kPayloadOffset = 8, kPayloadSize = 12, kCompression = 24;
  if (data.size() < kHeaderBytes || !has_bytes(data, 0, "MZ") || !has_bytes(data, kImageType, "zimg"))
    return std::optional<std::span<const u8>>();
  const u64 offset = read_le(data, kPayloadOffset, 4), size = read_le(data, kPayloadSize, 4);
  if (offset > data.size() || size > data.size() - offset)
    return fail("EFI zboot kernel: its payload ends outside of the file");
  if (!has_bytes(data, kCompression, "gzip")) {
    std::string name(reinterpret_cast<const char*>(data.data() + kCompression), 8);
    return fail(fmt::format("EFI zboot kernel compressed with {}; only gzip is known", name.c_str()));
  }
  return std::optional(data.subspan(offset, size));
}

}  // namespace mimus
