// Loaders: where each kind of file goes, and what is said about files that are of no use.
#include <gtest/gtest.h>
#include <zlib.h>

#include "machines/load/elf.h"
#include "machines/load/file.h"
#include "machines/load/linux_image.h"
#include "machines/load/payload.h"
#include "tests/machines/elf_maker.h"

namespace mimus {
namespace {

const PayloadRules kRules{"kernel", kElfRiscv, 0x80000000, 16 << 20, 0x80200000};

Bytes gzip(const Bytes& data) {
  Bytes out(data.size() + 1000);
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  z.next_in = const_cast<u8*>(data.data());
  z.avail_in = uInt(data.size());
  z.next_out = out.data();
  z.avail_out = uInt(out.size());
  deflate(&z, Z_FINISH);
  out.resize(out.size() - z.avail_out);
  deflateEnd(&z);
  return out;
}

Bytes linux_image(u64 text_offset, u64 image_size) {
  Bytes data(4096, 0x13);
  std::memcpy(&data[8], &text_offset, 8);
  std::memcpy(&data[16], &image_size, 8);
  std::memcpy(&data[56], "RSC\x05", 4);
  return data;
}

std::string error_of(Bytes data) {
  auto payload = parse_payload(std::move(data), kRules);
  return payload ? "" : payload.error().message;
}

TEST(Payload, FlatBinary) {
  auto payload = parse_payload({1, 2, 3}, kRules).value();
  EXPECT_EQ(payload.entry, 0x80200000u);
  EXPECT_EQ(payload.end, 0x80200003u);
  ASSERT_EQ(payload.parts.size(), 1u);
  EXPECT_EQ(payload.parts[0].bytes, (Bytes{1, 2, 3}));
}

TEST(Payload, LinuxImagePlainAndPacked) {
  auto image = linux_image(0x400000, 0x10000);
  for (const auto& file : {image, gzip(image)}) {
    auto payload = parse_payload(file, kRules).value();
    EXPECT_EQ(payload.entry, 0x80400000u);
    EXPECT_EQ(payload.end, 0x80410000u);
    EXPECT_EQ(payload.parts[0].bytes, image);
  }
  EXPECT_NE(error_of(linux_image(0x400000, 16 << 20)).find("--memory"), std::string::npos);
  EXPECT_NE(error_of(linux_image(~u64{0}, 0)), "");
  std::memcpy(&image[56], "ARM\x64", 4);
  EXPECT_NE(error_of(image).find("another processor"), std::string::npos);
  PayloadRules arm{"kernel", kElfAarch64, 0x40000000, 16 << 20, 0x40200000, 0x200000};
  EXPECT_EQ(parse_payload(image, arm).value().entry, 0x40600000u);
}

TEST(Payload, EfiZboot) {
  auto packed = gzip(linux_image(0x200000, 0x10000));
  Bytes file(64, 0);
  std::memcpy(&file[0], "MZ\0\0zimg", 8);
  const u32 offset = 64, size = u32(packed.size());
  std::memcpy(&file[8], &offset, 4);
  std::memcpy(&file[12], &size, 4);
  std::memcpy(&file[24], "gzip", 5);
  file.insert(file.end(), packed.begin(), packed.end());
  EXPECT_EQ(parse_payload(file, kRules).value().entry, 0x80200000u);
  std::memcpy(&file[24], "zstd", 5);
  EXPECT_NE(error_of(file).find("compressed with zstd"), std::string::npos);
  file.resize(70);
  EXPECT_NE(error_of(file).find("outside"), std::string::npos);
}

TEST(Payload, ElfInPlaceAndMoved) {
  ElfMaker elf{.entry = 0x80001004, .segments = {{0x80001000, 0x80001000, {1, 2, 3, 4, 5}, 16}}};
  auto payload = parse_payload(elf.make(), kRules).value();
  EXPECT_EQ(payload.entry, 0x80001004u);
  EXPECT_EQ(payload.parts[0].address, 0x80001000u);
  EXPECT_EQ(payload.parts[0].bytes.size(), 16u) << ".bss is zeroed";
  EXPECT_EQ(payload.end, 0x80001010u);

  ElfMaker vmlinux{.entry = 0xffffffff80000002,
                   .segments = {{0xffffffff80000000, 0, {1, 2}, 0x1000}, {0xffffffff80002000, 0x2000, {3}, 0x1000}}};
  payload = parse_payload(vmlinux.make(), kRules).value();
  EXPECT_EQ(payload.entry, 0x80200002u);
  EXPECT_EQ(payload.parts[1].address, 0x80202000u);
}

TEST(Payload, ElfThatCannotRun) {
  ElfMaker good{.segments = {{0x80000000, 0x80000000, {1}, 4}}};
  auto other = good;
  other.machine = EM_X86_64;
  EXPECT_NE(error_of(other.make()).find("another processor"), std::string::npos);
  auto entry = good;
  entry.entry = 0x1234;
  EXPECT_NE(error_of(entry.make()).find("entry point"), std::string::npos);
  auto large = good;
  large.segments[0].memory_size = u64{1} << 60;
  EXPECT_NE(error_of(large.make()).find("--memory"), std::string::npos);
  auto wraps = good;
  wraps.segments[0].memory_size = ~u64{0};
  EXPECT_NE(error_of(wraps.make()).find("wraps"), std::string::npos);
  EXPECT_NE(error_of(ElfMaker{}.make()).find("no program headers"), std::string::npos);
  auto file = good.make();
  file[4] = ELFCLASS32;
  EXPECT_NE(error_of(file).find("32-bit"), std::string::npos);
  file = good.make();
  file.resize(file.size() - 1);
  EXPECT_NE(error_of(file).find("outside of the file"), std::string::npos);
}

TEST(Payload, EveryTruncationIsAnErrorOrShorter) {
  ElfMaker elf{.segments = {{0x80000000, 0x80000000, {1, 2, 3}, 4}}};
  auto file = elf.make();
  for (size_t length = 4; length < file.size(); length++)
    EXPECT_NE(error_of({file.begin(), file.begin() + long(length)}), "") << length;
  auto packed = gzip(linux_image(0x200000, 0x10000));
  for (size_t length = 2; length < packed.size(); length++)
    EXPECT_NE(error_of({packed.begin(), packed.begin() + long(length)}).find("gzip"), std::string::npos) << length;
}

TEST(Gunzip, StopsAtItsLimit) {
  auto packed = gzip(Bytes(1 << 20, 0));
  EXPECT_TRUE(gunzip(packed, 1 << 20));
  EXPECT_FALSE(gunzip(packed, (1 << 20) - 1));
}

TEST(Payload, MissingFileIsNamed) {
  auto payload = load_payload("/no/such/kernel", kRules);
  ASSERT_FALSE(payload);
  EXPECT_EQ(payload.error().message, "kernel /no/such/kernel: No such file or directory");
  EXPECT_NE(load_payload("/", kRules).error().message.find("Is a directory"), std::string::npos);
}

}  // namespace
}  // namespace mimus
