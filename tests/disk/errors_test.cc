// qcow2 images when the host's disk is full or fails: what was acknowledged as durable stays, and the image stays
// whole.
#include "machines/host/block/qcow2/check.h"
#include "tests/disk/image_model.h"

namespace mimus {
namespace {

struct FailingDisk : ::testing::TestWithParam<ImageVariant> {
  FailingDisk() {
    auto made = qcow2::create(std::make_unique<MemoryStorage>(file), GetParam().options, nullptr);
    EXPECT_TRUE(made);
    image = std::move(*made);
    disk = contents(*image);
  }
  Status write(u64 sector, u64 count, u64 value) {
    std::vector<u64> words(count * 64, value);
    const iovec buffer{words.data(), count * 512};
    return image->write(sector * 512, {&buffer, 1});
  }
  // One request anywhere; where it fails, its sectors are old or new.
  void request(u64 value) {
    const u64 sector = random() % disk.size();
    const u64 count = std::min<u64>(disk.size() - sector, 1 + random() % 40);
    const unsigned kind = random() % 6;
    Status status = Status::ok;
    if (kind == 0)
      status = image->flush();
    else if (kind == 1)
      status = image->write_zeroes(sector * 512, count * 512, random() % 2);
    else
      status = write(sector, count, value);
    const u64 meant = kind == 1 ? 0 : value;
    failures += status != Status::ok;
    if (kind == 0) return;
    if (status == Status::ok) return void(std::fill_n(disk.begin() + s64(sector), count, meant));
    const Disk now = contents(*image);
    for (u64 i = sector; i < sector + count; ++i) {
      ASSERT_TRUE(now[i] == disk[i] || now[i] == meant) << i;
      disk[i] = now[i];
    }
  }
  void expect_whole(bool leaks) {
    ASSERT_EQ(image->close(), Status::ok);
    auto header = qcow2::read_header(MemoryStorage(file, false));
    ASSERT_TRUE(header);
    auto metadata = qcow2::Metadata::open(std::make_unique<MemoryStorage>(file, false), *header);
    const auto report = qcow2::check(**metadata, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->errors, 0u) << report->messages[0];
    if (!leaks) {
      EXPECT_EQ(report->leaks, 0u);
    }
    auto opened = qcow2::Image::open(std::make_unique<MemoryStorage>(file), {});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(contents(**opened) == disk);
  }

  MemoryFile file;
  std::mt19937 random{5};
  std::unique_ptr<qcow2::Image> image;
  Disk disk;
  unsigned failures = 0;
};

TEST_P(FailingDisk, FullAndThenNotFull) {
  for (unsigned round = 0; round < 6; ++round) {
    file.fail_beyond = file.bytes.size() + random() % 40000;
    for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(request(round * 1000 + u64(i) + 1));
    EXPECT_TRUE(contents(*image) == disk);
  }
  EXPECT_GT(failures, 0u);
  file.fail_beyond = ~u64{0};
  EXPECT_EQ(image->flush(), Status::ok);
  expect_whole(false);
}

TEST_P(FailingDisk, ErrorsHereAndThere) {
  for (unsigned i = 0; i < 400; ++i) {
    if (random() % 8 == 0) file.failing_writes = 1;
    ASSERT_NO_FATAL_FAILURE(request(i + 1));
  }
  EXPECT_GT(failures, 0u);
  file.failing_writes = 0;
  EXPECT_TRUE(contents(*image) == disk);
  if (image->metadata().failed()) return;  // the header could not be written: nothing is, from then on
  EXPECT_EQ(image->flush(), Status::ok);
  expect_whole(true);
}

TEST_P(FailingDisk, FailedSyncStays) {
  ASSERT_EQ(write(3, 5, 77), Status::ok);
  ASSERT_EQ(image->flush(), Status::ok);
  ASSERT_EQ(write(3, 5, 78), Status::ok);
  ASSERT_EQ(write(90, 5, 79), Status::ok);
  file.failing_syncs = 1;
  EXPECT_EQ(image->flush(), Status::io_error);
  EXPECT_EQ(image->flush(), Status::io_error);
  EXPECT_EQ(write(100, 1, 80), Status::io_error);
  EXPECT_EQ(contents(*image)[90], 79u);
  EXPECT_EQ(image->close(), Status::io_error);
  auto opened = qcow2::Image::open(std::make_unique<MemoryStorage>(file), {});
  ASSERT_TRUE(opened) << opened.error().message;
  const u64 found = contents(**opened)[5];
  EXPECT_TRUE(found == 77 || found == 78) << found;
}

INSTANTIATE_TEST_SUITE_P(Variants, FailingDisk,
                         ::testing::Values(ImageVariant{"c512", variant(512)}, ImageVariant{"c4k", variant(4096)},
                                           ImageVariant{"lazy", variant(512, 16, true)},
                                           ImageVariant{"v2", variant(512, 16, false, 2)},
                                           ImageVariant{"wide", variant(512, 64)}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mimus
