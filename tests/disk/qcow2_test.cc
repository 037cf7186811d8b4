// The qcow2 reader against images that qemu-img made, and against damaged ones.
#include "machines/host/block/qcow2/image.h"

#include <array>

#include "machines/host/block/open_image.h"
#include "tests/disk/temp_dir.h"

namespace mimus {
namespace {

std::vector<u8> read_all(BlockImage& image) {
  std::vector<u8> out(image.size_bytes());
  // In uneven pieces, so that requests begin and end inside clusters.
  for (size_t at = 0; at < out.size();) {
    const size_t count = std::min<size_t>(out.size() - at, 512 * (1 + at % 389));
    const iovec buffers[] = {{&out[at], count / 2}, {&out[at + count / 2], count - count / 2}};
    EXPECT_EQ(image.read(at, buffers), BlockImage::Status::ok) << at;
    at += count;
  }
  return out;
}

// Not EXPECT_EQ: gtest would print megabytes.
void expect_same(const std::vector<u8>& a, const std::vector<u8>& b) {
  ASSERT_EQ(a.size(), b.size());
  const auto [x, y] = std::ranges::mismatch(a, b);
  EXPECT_TRUE(x == a.end()) << "first difference at " << x - a.begin();
}

struct Variant {
  const char* name;
  const char* options;
};

struct WithQemuImg : ::testing::Test {
  void SetUp() override {
    if (std::system("qemu-img --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "qemu-img is not installed";
  }
  TempDir dir;
};

struct Qcow2Convert : WithQemuImg, ::testing::WithParamInterface<Variant> {};

TEST_P(Qcow2Convert, SameBytes) {
  const auto data = pattern_disk(3 * 1024 * 1024 + 512 * 37);
  dir.write("disk.raw", data);
  ASSERT_TRUE(dir.run(std::string("qemu-img convert -f raw -O qcow2 ") + GetParam().options + " disk.raw disk.qcow2"));
  auto image = open_image(dir.file("disk.qcow2"), "", HostFile::Access::read_only);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_TRUE((*image)->read_only());
  expect_same(read_all(**image), data);
}

INSTANTIATE_TEST_SUITE_P(
    Options, Qcow2Convert,
    ::testing::Values(Variant{"v3", ""}, Variant{"v2", "-o compat=0.10"}, Variant{"small", "-o cluster_size=512"},
                      Variant{"large", "-o cluster_size=2M"}, Variant{"zlib", "-c"},
                      Variant{"zlib_small", "-c -o cluster_size=512"}, Variant{"zlib_large", "-c -o cluster_size=2M"},
                      Variant{"zlib_v2", "-c -o compat=0.10"}, Variant{"zstd", "-c -o compression_type=zstd"},
                      Variant{"zstd_small", "-c -o compression_type=zstd,cluster_size=4k"},
                      Variant{"metadata", "-o preallocation=metadata"}, Variant{"lazy", "-o lazy_refcounts=on"}),
    [](const auto& info) { return std::string(info.param.name); });

struct Qcow2Chain : WithQemuImg {
  Expected<std::unique_ptr<BlockImage>> open(const char* name) {
    return open_image(dir.file(name), "", HostFile::Access::read_only);
  }
  std::string error(const char* name) {
    auto image = open(name);
    EXPECT_FALSE(image);
    return image ? "" : image.error().message;
  }
};

TEST_F(Qcow2Chain, OverlayZeroesAndShorterBacking) {
  auto data = pattern_disk(1 << 20);
  dir.write("base.raw", data);
  ASSERT_TRUE(
      dir.run("qemu-img convert -c -f raw -O qcow2 base.raw base.qcow2 && "
              "qemu-img create -f qcow2 -F qcow2 -b base.qcow2 middle.qcow2 2M && "
              "qemu-img create -f qcow2 -F qcow2 -b ./middle.qcow2 top.qcow2 && "
              "qemu-io -c 'write -P 0x11 100k 300k' middle.qcow2 && "
              "qemu-io -c 'write -z 64k 64k' -c 'write -P 0x22 1500k 8k' top.qcow2"));
  data.resize(2 << 20);
  std::fill_n(data.begin() + (100 << 10), 300 << 10, 0x11);
  std::fill_n(data.begin() + (64 << 10), 64 << 10, 0);
  std::fill_n(data.begin() + (1500 << 10), 8 << 10, 0x22);
  auto image = open("top.qcow2");
  ASSERT_TRUE(image) << image.error().message;
  expect_same(read_all(**image), data);
}

TEST_F(Qcow2Chain, RawBacking) {
  const auto data = pattern_disk(1 << 20);
  dir.write("base.raw", data);
  ASSERT_TRUE(dir.run("qemu-img create -f qcow2 -F raw -b base.raw top.qcow2"));
  auto image = open("top.qcow2");
  ASSERT_TRUE(image) << image.error().message;
  expect_same(read_all(**image), data);
}

TEST_F(Qcow2Chain, MissingAndLoopingBackingFiles) {
  ASSERT_TRUE(
      dir.run("qemu-img create -f qcow2 a.qcow2 1M && qemu-img create -f qcow2 -F qcow2 -b a.qcow2 b.qcow2 && "
              "qemu-img rebase -u -f qcow2 -F qcow2 -b b.qcow2 a.qcow2"));
  EXPECT_NE(error("a.qcow2").find("is its own backing file"), std::string::npos);
  std::filesystem::remove(dir.file("a.qcow2"));
  const std::string message = error("b.qcow2");
  EXPECT_NE(message.find("a.qcow2: no such file"), std::string::npos) << message;
  EXPECT_NE(message.find("backing file of " + dir.file("b.qcow2")), std::string::npos) << message;
  ASSERT_TRUE(dir.run("qemu-img rebase -u -f qcow2 -F raw -b nbd://localhost/x b.qcow2"));
  EXPECT_NE(error("b.qcow2").find("not a plain file"), std::string::npos);
}

TEST_F(Qcow2Chain, WhatIsNotSupportedIsNamed) {
  ASSERT_TRUE(
      dir.run("qemu-img create -f qcow2 -o extended_l2=on a.qcow2 1M && "
              "qemu-img create -f qcow2 -o data_file=d.raw b.qcow2 1M"));
  EXPECT_NE(error("a.qcow2").find("extended L2 entries"), std::string::npos);
  EXPECT_NE(error("b.qcow2").find("external file"), std::string::npos);
}

// Every possible length of the file either fails with a message or, where only unneeded bytes are missing, still reads.
TEST_F(Qcow2Chain, Truncation) {
  const auto data = pattern_disk(64 * 1024);
  dir.write("disk.raw", data);
  ASSERT_TRUE(dir.run("qemu-img convert -f raw -O qcow2 -o cluster_size=4k disk.raw disk.qcow2"));
  const auto whole = dir.read("disk.qcow2");
  unsigned refused = 0;
  for (size_t length = 0; length < whole.size(); length += 499) {
    dir.write("cut.qcow2", {whole.begin(), whole.begin() + length});
    auto image = open_image(dir.file("cut.qcow2"), "qcow2", HostFile::Access::read_only);
    if (image)
      expect_same(read_all(**image), data);
    else
      ++refused;
  }
  EXPECT_GT(refused, whole.size() / 499 - 4);
  EXPECT_NE(error("cut.qcow2").find("is truncated"), std::string::npos);
}

// A version 3 header for a disk of one cluster of 512 bytes: header, L1, L2, data, one cluster each.
struct HandMade {
  HandMade() : bytes(4 * 512) {
    put32(0, 0x514649fb);
    put32(4, 3);
    put32(20, 9);
    put64(24, 512);
    put32(36, 1);
    put64(40, 512);
    put32(96, 4);
    put32(100, 104);
    put64(512, 1024 | u64{1} << 63);
    put64(1024, 1536 | u64{1} << 63);
    std::fill_n(bytes.begin() + 1536, 512, 0x42);
  }
  void put32(size_t at, u32 value) {
    for (int i = 0; i < 4; ++i) bytes[at + i] = u8(value >> (24 - 8 * i));
  }
  void put64(size_t at, u64 value) {
    put32(at, u32(value >> 32));
    put32(at + 4, u32(value));
  }
  Expected<std::unique_ptr<BlockImage>> open() {
    return open_image(dir.write("hand.qcow2", bytes), "qcow2", HostFile::Access::read_only);
  }
  std::string error() {
    auto image = open();
    EXPECT_FALSE(image);
    return image ? "" : image.error().message;
  }
  TempDir dir;
  std::vector<u8> bytes;
};

TEST(Qcow2HandMade, Reads) {
  auto image = HandMade().open();
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(read_all(**image)[511], 0x42);
}

TEST(Qcow2HandMade, DamagedHeaders) {
  struct Case {
    size_t at;
    u32 value;
    const char* message;
  };
  static constexpr Case kCases[] = {
      {0, 1, "magic number is missing"},
      {4, 1, "qcow image of version 1"},
      {20, 8, "impossible cluster size"},
      {20, 22, "impossible cluster size"},
      {24, 0x10000000, "disk size does not fit"},
      {28, 0, "a disk of 0 bytes"},
      {28, 1 << 20, "L1 table is too small"},
      {32, 2, "is encrypted"},
      {40, 0x7fffffff, "is truncated"},
      {44, 0, "L1 table is misplaced"},
      {44, 100, "L1 table is misplaced"},
      {44, 1 << 20, "is truncated"},
      {76, 2, "is marked as damaged"},
      {76, 32, "incompatible bit 5"},
      {100, 0xffffffff, "impossible header length"},
      {100, 103, "impossible header length"},
      {516, 4096, "is truncated"},
      {1028, 8192, "is truncated"},
  };
  for (const Case& c : kCases) {
    HandMade image;
    image.put32(c.at, c.value);
    EXPECT_NE(image.error().find(c.message), std::string::npos) << c.at << ": " << image.error();
  }
}

TEST(Qcow2HandMade, BackingNameOutsideTheHeader) {
  HandMade image;
  image.put64(8, 500);
  image.put32(16, 100);
  EXPECT_NE(image.error().find("name of the backing file"), std::string::npos);
  image.put32(16, 2000);
  EXPECT_NE(image.error().find("name of the backing file"), std::string::npos);
}

TEST(Qcow2HandMade, ExtensionRunsOut) {
  HandMade image;
  image.put32(104, 0xe2792aca);
  image.put32(108, 0xfffffff0);
  EXPECT_NE(image.error().find("header extension"), std::string::npos);
}

TEST(Qcow2HandMade, GarbageClustersAreIoErrors) {
  std::array<u8, 512> out;
  const iovec buffer{out.data(), out.size()};
  for (u64 entry : {u64{1} << 62 | u64{1} << 61 | 1536, u64{1} << 62 | 1537}) {
    HandMade image;
    image.put64(1024, entry);
    auto opened = image.open();
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->read(0, {&buffer, 1}), BlockImage::Status::io_error);
  }
}

}  // namespace
}  // namespace mimus
