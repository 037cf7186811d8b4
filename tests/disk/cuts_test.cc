// Power cuts while an image is resized, repaired or made.
#include "machines/host/block/qcow2/check.h"
#include "machines/host/block/qcow2/repair.h"
#include "tests/disk/image_model.h"

namespace mimus {
namespace {

Expected<std::unique_ptr<qcow2::Image>> open(MemoryFile& file) {
  return qcow2::Image::open(std::make_unique<MemoryStorage>(file), {});
}

void fill(BlockImage& image, u64 first, u64 count, u64 value) {
  std::vector<u64> words(count * 64, value);
  const iovec buffer{words.data(), count * 512};
  ASSERT_EQ(image.write(first * 512, {&buffer, 1}), Status::ok);
}

void expect_start(const Disk& found, const Disk& wanted) {
  const size_t common = std::min(found.size(), wanted.size());
  EXPECT_TRUE(std::equal(found.begin(), found.begin() + s64(common), wanted.begin()));
}

struct Cuts : ::testing::TestWithParam<ImageVariant> {
  void start(qcow2::CreateOptions options) {
    auto made = qcow2::create(std::make_unique<MemoryStorage>(file), options, nullptr);
    ASSERT_TRUE(made) << made.error().message;
    image = std::move(*made);
    for (u64 i = 0; i < 12; ++i) fill(*image, i * 7 % (image->size_bytes() / 512 - 5), 5, i + 1);
    ASSERT_EQ(image->flush(), Status::ok);
    disk = contents(*image);
  }
  MemoryFile file;
  std::mt19937 random{3};
  std::unique_ptr<qcow2::Image> image;
  Disk disk;
};

// The disk has its old or its new size, what both have is there, and what is new reads zero.
TEST_P(Cuts, WhileResizing) {
  ASSERT_NO_FATAL_FAILURE(start(GetParam().options));
  const u64 sizes[] = {9 << 20, 100 << 10, 2 << 20};
  for (u64 size : sizes) {
    const u64 old_size = image->size_bytes();
    const size_t begin = file.log.size();
    const auto resized = qcow2::resize(*image, size);
    ASSERT_TRUE(resized) << resized.error().message;
    for (int i = 0; i < 8; ++i) {
      const size_t cut = begin + random() % (file.log.size() - begin + 1);
      MemoryFile left = after_power_cut(file, cut, random);
      auto opened = open(left);
      ASSERT_TRUE(opened) << opened.error().message << ", cut before " << cut;
      const u64 found = (*opened)->size_bytes();
      ASSERT_TRUE(found == old_size || found == size) << found;
      Disk wanted = disk;
      wanted.resize(std::max(old_size, size) / 512);
      // While it shrinks, what will be cut off may be gone already.
      if (size < old_size) wanted.resize(size / 512);
      expect_start(contents(**opened), wanted);
    }
    disk.resize(size / 512);
    EXPECT_TRUE(contents(*image) == disk);
  }
}

TEST_P(Cuts, WhileRepairing) {
  ASSERT_NO_FATAL_FAILURE(start(GetParam().options));
  // As after a cut: the bit is set, and counts are missing.
  MemoryFile broken = after_power_cut(file, file.log.size(), random);
  broken.bytes = file.bytes;
  {
    MemoryStorage storage(broken);
    auto header = qcow2::read_header(storage);
    ASSERT_TRUE(header);
    if (header->version < 3) GTEST_SKIP() << "version 2 has no dirty bit";
    header->incompatible |= qcow2::kDirtyBit;
    ASSERT_TRUE(qcow2::write_fields(storage, *header));
    std::fill_n(broken.bytes.begin() + s64(2 * header->cluster_bytes() + 8), 24, 0);
  }
  broken.recording = true;
  broken.log = {{MemoryFile::Step::Kind::write, 0, broken.bytes.size(), broken.bytes},
                {MemoryFile::Step::Kind::sync, 0, 0, {}}};
  {
    auto opened = open(broken);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(contents(**opened) == disk);
  }
  for (int i = 0; i < 40; ++i) {
    const size_t cut = 2 + random() % (broken.log.size() - 1);
    MemoryFile left = after_power_cut(broken, cut, random);
    auto opened = open(left);
    ASSERT_TRUE(opened) << opened.error().message << ", cut before " << cut << " of " << broken.log.size();
    EXPECT_TRUE(contents(**opened) == disk);
    ASSERT_EQ((*opened)->close(), Status::ok);
    auto header = qcow2::read_header(MemoryStorage(left, false));
    auto metadata = qcow2::Metadata::open(std::make_unique<MemoryStorage>(left, false), *header);
    const auto report = qcow2::check(**metadata, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->errors, 0u) << report->messages[0];
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Cuts,
                         ::testing::Values(ImageVariant{"c512", variant(512)}, ImageVariant{"c4k", variant(4096)},
                                           ImageVariant{"c64k", variant(65536)},
                                           ImageVariant{"lazy", variant(4096, 16, true)},
                                           ImageVariant{"v2", variant(4096, 16, false, 2)},
                                           ImageVariant{"wide", variant(512, 64)}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mimus
