#include "machines/host/block/format.h"

#include <algorithm>

namespace mimus {

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  ImageFormat format;
};

constexpr auto kConvert = "convert it: qemu-img convert -O raw FILE NEW"sv;

constexpr Magic kMagics[] = {
    {"QFI\xfb"sv, {"qcow2", {}}},
    {"KDMV"sv, {"VMDK", kConvert}},
    {"COWD"sv, {"VMDK", kConvert}},
    {"# Disk DescriptorFile"sv, {"VMDK", kConvert}},
    {"vhdxfile"sv, {"VHDX", kConvert}},
    {"conectix"sv, {"VHD", kConvert}},
    {"<<< "sv, {"VDI", kConvert}},
    {"QED\0"sv, {"QED", kConvert}},
    {"\x1f\x8b\x08"sv, {"gzip-compressed", "unpack it: gunzip FILE"}},
    {"\xfd"
     "7zXZ\0"sv,
     {"xz-compressed", "unpack it: unxz FILE"}},
    {"\x28\xb5\x2f\xfd"sv, {"zstd-compressed", "unpack it: unzstd FILE"}},
    {"BZh"sv, {"bzip2-compressed", "unpack it: bunzip2 FILE"}},
};

}  // namespace

ImageFormat probe_format(std::span<const u8> head) {
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  const auto* found = std::ranges::find_if(kMagics, [&](const Magic& magic) { return text.starts_with(magic.bytes); });
  return found == std::end(kMagics) ? ImageFormat{"raw", {}} : found->format;
}

}  // namespace mimus
