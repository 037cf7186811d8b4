// Disks as the command line opens them: raw files, the worker thread, locking, and what is said when something is
// wrong.
#include "machines/host/disk.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <random>
#include <thread>

#include "core/device/clock.h"
#include "machines/host/block/format.h"
#include "machines/host/block/host_file.h"
#include "machines/host/block/qcow2/create.h"
#include "machines/host/option_list.h"
#include "tests/disk/temp_dir.h"

namespace mimus {
namespace {

using Status = BlockEndpoint::Status;

struct DiskTest : ::testing::Test {
  DiskTest() : loop([this] { events.run(); }) {}
  ~DiskTest() override {
    events.stop();
    loop.join();
  }
  Status await(const std::function<void(BlockEndpoint::Done)>& start) {
    std::mutex lock;
    std::condition_variable arrived;
    std::optional<Status> result;
    start([&](Status status) {
      EXPECT_FALSE(machine_lock.try_lock());
      std::scoped_lock guard(lock);
      result = status;
      arrived.notify_one();
    });
    std::unique_lock guard(lock);
    arrived.wait(guard, [&] { return result.has_value(); });
    return *result;
  }
  Status read(BlockEndpoint& disk, u64 offset, std::span<u8> out) {
    return await([&](auto done) {
      const std::span<u8> list[] = {out.first(out.size() / 3), out.subspan(out.size() / 3)};
      disk.read(offset, list, done);
    });
  }
  Status write(BlockEndpoint& disk, u64 offset, std::span<const u8> data) {
    return await([&](auto done) {
      const std::span<const u8> list[] = {data.first(7), data.subspan(7)};
      disk.write(offset, list, done);
    });
  }
  std::string error(const std::string& spec) {
    auto disk = open_disk(spec, events);
    EXPECT_FALSE(disk);
    return disk ? "" : disk.error().message;
  }
  void expect_error(const std::string& spec, const std::string& part) {
    const std::string message = error(spec);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }

  HostClock clock;
  std::mutex machine_lock;
  EventQueue events{clock, machine_lock};
  std::thread loop;
  TempDir dir;
};

TEST_F(DiskTest, RawReadWriteFlush) {
  const auto data = pattern_disk(1 << 20);
  auto disk = open_disk(dir.write("a.img", data), events);
  ASSERT_TRUE(disk);
  EXPECT_EQ((*disk)->size_bytes(), data.size());
  EXPECT_FALSE((*disk)->read_only());
  EXPECT_EQ((*disk)->serial(), "a.img");
  std::vector<u8> out(100 * 512);
  EXPECT_EQ(read(**disk, 40960, out), Status::ok);
  EXPECT_TRUE(std::equal(out.begin(), out.end(), data.begin() + 40960));
  const std::vector<u8> text(1024, 'x');
  EXPECT_EQ(write(**disk, 512, text), Status::ok);
  EXPECT_EQ(await([&](auto done) { (*disk)->flush(done); }), Status::ok);
  EXPECT_EQ(await([&](auto done) { (*disk)->discard(65536, 65536, done); }), Status::ok);
  EXPECT_EQ(await([&](auto done) { (*disk)->write_zeroes(4096, 512, false, done); }), Status::ok);
  EXPECT_EQ(await([&](auto done) { (*disk)->write_zeroes(8192, 8192, true, done); }), Status::ok);
  const auto file = dir.read("a.img");
  EXPECT_EQ(file[511], data[511]);
  EXPECT_EQ(file[512], 'x');
  EXPECT_EQ(file[1535], 'x');
  EXPECT_EQ(file[4096] | file[8192] | file[16383], 0);
  EXPECT_EQ(file.size(), data.size());
}

TEST_F(DiskTest, AllResultsArrive) {
  auto disk = open_disk(dir.write("a.img", pattern_disk(65536)), events);
  ASSERT_TRUE(disk);
  std::atomic<int> arrived = 0;
  std::vector<std::vector<u8>> buffers(100, std::vector<u8>(512));
  for (int i = 0; i < 100; ++i) {
    const std::span<u8> list[] = {buffers[i]};
    (*disk)->read(u64(i) * 512, list, [&](Status status) { arrived += status == Status::ok; });
  }
  (*disk)->quiesce();
  EXPECT_EQ(buffers[99][5], pattern_disk(65536)[99 * 512 + 5]);
  await([&](auto done) { (*disk)->flush(done); });
  EXPECT_EQ(arrived, 100);
}

// Random requests, many at a time, through each way of doing them; every part of the disk has one request at a time.
struct BusyDisk : DiskTest, ::testing::WithParamInterface<const char*> {
  static constexpr u64 kParts = 24, kPartBytes = 96 << 10;
  struct Part {
    std::vector<u8> expected = std::vector<u8>(kPartBytes), buffer;
    bool busy = false;
  };
  void one_request(BlockEndpoint& disk, u64 index, std::minstd_rand& random) {
    Part& part = parts[index];
    const u64 offset = random() % (kPartBytes / 512) * 512;
    const u64 bytes = std::min(kPartBytes - offset, (1 + random() % 64) * 512);
    const auto begin = part.expected.begin() + s64(offset);
    part.buffer.assign(bytes, u8(random()));
    part.busy = true;
    const auto finish = [this, &part](Status status) {
      std::scoped_lock guard(lock);
      EXPECT_EQ(status, Status::ok);
      part.busy = false;
      changed.notify_one();
    };
    const u64 at = index * kPartBytes + offset;
    const std::span<u8> list[] = {std::span(part.buffer).first(bytes / 3), std::span(part.buffer).subspan(bytes / 3)};
    const std::span<const u8> constants[] = {list[0], list[1]};
    switch (random() % 8) {
      case 0:
        if (random() % 6 == 0) return disk.flush(finish);
        [[fallthrough]];
      case 1: std::fill_n(begin, bytes, 0); return disk.write_zeroes(at, bytes, random() % 2, finish);
      case 2:
      case 3:
      case 4: std::ranges::copy(part.buffer, begin); return disk.write(at, constants, finish);
      default:
        return disk.read(at, list, [this, &part, finish, offset](Status status) {
          EXPECT_TRUE(std::ranges::equal(part.buffer, std::span(part.expected).subspan(offset, part.buffer.size())));
          finish(status);
        });
    }
  }
  std::mutex lock;
  std::condition_variable changed;
  std::vector<Part> parts = std::vector<Part>(kParts);
};

TEST_P(BusyDisk, KeepsItsContents) {
  const std::string path = dir.file("a.img");
  auto file = HostFile::create(path);
  ASSERT_TRUE(file);
  if (std::string(GetParam()).find("qcow2") != std::string::npos) {
    qcow2::CreateOptions options;
    options.disk_bytes = kParts * kPartBytes;
    options.cluster_bytes = 8192;
    ASSERT_TRUE(qcow2::create(std::move(*file), options, nullptr));
  } else {
    ASSERT_EQ((*file)->resize(kParts * kPartBytes), 0);
    file->reset();
  }
  auto disk = open_disk(path + GetParam(), events);
  ASSERT_TRUE(disk) << disk.error().message;
  std::minstd_rand random(7);
  for (int i = 0; i < 3000; ++i) {
    const u64 index = random() % kParts;
    {
      std::unique_lock guard(lock);
      changed.wait(guard, [&] { return !parts[index].busy; });
    }
    one_request(**disk, index, random);
  }
  for (u64 i = 0; i < kParts; ++i) {
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return !parts[i].busy; });
  }
  for (u64 i = 0; i < kParts; ++i) {
    std::vector<u8> out(kPartBytes);
    EXPECT_EQ(read(**disk, i * kPartBytes, out), Status::ok);
    EXPECT_TRUE(out == parts[i].expected) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, BusyDisk,
                         ::testing::Values(",format=raw", ",format=raw,aio=threads", ",format=qcow2",
                                           ",format=qcow2,aio=threads", ",snapshot=on"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return !isalnum(c); });
                           return name;
                         });

TEST_F(DiskTest, SnapshotOnForgets) {
  const auto data = pattern_disk(1 << 20);
  const std::string path = dir.write("a.img", data);
  for (int round = 0; round < 2; ++round) {
    auto disk = open_disk(path + ",snapshot=on", events);
    ASSERT_TRUE(disk) << disk.error().message;
    auto other = open_disk(path + ",snapshot=on", events);
    ASSERT_TRUE(other);
    std::vector<u8> out(4096);
    EXPECT_EQ(read(**disk, 65536, out), Status::ok);
    EXPECT_TRUE(std::equal(out.begin(), out.end(), data.begin() + 65536));
    EXPECT_EQ(write(**disk, 65536, std::vector<u8>(4096, 'x')), Status::ok);
    EXPECT_EQ(read(**disk, 65536, out), Status::ok);
    EXPECT_EQ(out[4095], 'x');
    EXPECT_EQ(await([&](auto done) { (*disk)->flush(done); }), Status::ok);
  }
  EXPECT_TRUE(dir.read("a.img") == data);
  expect_error(path + ",snapshot=on,readonly", "exclude each other");
  expect_error(path + ",aio=fast", "unknown aio 'fast'");
}

TEST_F(DiskTest, SizeIsRoundedUpToSectors) {
  auto disk = open_disk(dir.write("a.img", std::vector<u8>(700, 7)), events);
  ASSERT_TRUE(disk);
  EXPECT_EQ((*disk)->size_bytes(), 1024u);
  std::vector<u8> out(1024, 1);
  EXPECT_EQ(read(**disk, 0, out), Status::ok);
  EXPECT_EQ(out[699], 7);
  EXPECT_EQ(out[700] | out[1023], 0);
  EXPECT_EQ(write(**disk, 512, std::vector<u8>(512, 9)), Status::ok);
  EXPECT_EQ(dir.read("a.img").size(), 1024u);
}

TEST_F(DiskTest, ShrunkFileIsAnIoError) {
  auto disk = open_disk(dir.write("a.img", std::vector<u8>(4096, 7)), events);
  ASSERT_TRUE(disk);
  std::filesystem::resize_file(dir.file("a.img"), 1024);
  std::vector<u8> out(512);
  EXPECT_EQ(read(**disk, 512, out), Status::ok);
  EXPECT_EQ(read(**disk, 2048, out), Status::io_error);
}

TEST_F(DiskTest, OneWriterOrManyReaders) {
  const std::string path = dir.write("a.img", std::vector<u8>(4096, 7));
  {
    auto writer = open_disk(path, events);
    ASSERT_TRUE(writer);
    expect_error(path, "a.img: is in use by this process, as another disk; stop that one, or use ,readonly in both");
    expect_error(path + ",readonly", "a.img: is being written by this process, as another disk");
  }
  auto reader = open_disk(path + ",readonly", events);
  ASSERT_TRUE(reader);
  EXPECT_TRUE((*reader)->read_only());
  EXPECT_TRUE(open_disk(path + ",readonly=on", events));
  expect_error(path, "a.img: is in use by");
}

TEST_F(DiskTest, LocksAreThoseOfQemu) {
  if (std::system("qemu-img --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "qemu-img is not installed";
  const std::string path = dir.write("a.img", std::vector<u8>(65536, 7));
  {
    auto writer = open_disk(path + ",format=raw", events);
    ASSERT_TRUE(writer);
    EXPECT_FALSE(dir.run("qemu-io -f raw -c 'read 0 512' a.img"));
  }
  {
    auto reader = open_disk(path + ",format=raw,readonly", events);
    ASSERT_TRUE(reader);
    EXPECT_TRUE(dir.run("qemu-io -r -f raw -c 'read 0 512' a.img"));
    EXPECT_FALSE(dir.run("qemu-io -f raw -c 'write 0 512' a.img"));
  }
  // Another process, which says when it has the lock.
  ASSERT_TRUE(
      dir.run("(stdbuf -oL qemu-io -f raw -c 'read 0 512' -c 'sleep 3000' a.img >started 2>&1 &) ; "
              "for i in $(seq 100); do grep -q ops started && exit 0; sleep 0.1; done; exit 1"));
  expect_error(path + ",format=raw", "(qemu-io)");
  expect_error(path + ",format=raw,readonly", "is being written by process");
}

TEST_F(DiskTest, MessagesForUsers) {
  const std::string path = dir.write("a.img", std::vector<u8>(4096, 7));
  expect_error("", "file name is missing");
  expect_error(dir.file("none.img"), "none.img: no such file; a new empty disk is made with: mimus img create");
  expect_error(dir.file(""), "is a directory");
  expect_error("/dev/null", "/dev/null: is neither a file nor a block device");
  expect_error(dir.write("empty.img", {}), "empty.img: is empty; give it a size");
  expect_error(path + ",colour=red", "unknown option 'colour'; there are: aio, format, if, readonly, serial, snapshot");
  expect_error(path + ",format=vmdk", "unknown format 'vmdk'; there are: raw, qcow2");
  expect_error(path + ",readonly=maybe", "on or off, not 'maybe'");
  expect_error(path + ",serial=123456789012345678901", "longer than 20 bytes");
  expect_error(path + ",format=qcow2,readonly", "magic number is missing");
  expect_error(dir.write("a.vmdk", {'K', 'D', 'M', 'V', 1, 2, 3}), "looks like a VMDK image");
  expect_error(dir.write("a.xz", {0xfd, '7', 'z', 'X', 'Z', 0}), "unpack it: unxz");
  EXPECT_EQ(open_disk(path + ",colour=red", events).error().kind, Error::Kind::usage);
  EXPECT_TRUE(open_disk(dir.file("a.vmdk") + ",format=raw,serial=S1", events));
}

TEST_F(DiskTest, GuestCannotTurnAGuessedRawDiskIntoQcow2) {
  const std::string path = dir.write("a.img", std::vector<u8>(4096, 7));
  std::vector<u8> evil(512);
  std::memcpy(evil.data(), "QFI\xfb", 4);
  auto guessed = open_disk(path, events);
  EXPECT_EQ(write(**guessed, 0, evil), Status::io_error);
  EXPECT_EQ(write(**guessed, 512, evil), Status::ok);
  guessed->reset();
  auto given = open_disk(path + ",format=raw", events);
  EXPECT_EQ(write(**given, 0, evil), Status::ok);
}

TEST(OptionListTest, CommasAndValues) {
  const OptionList list("my,,disk.img,format=raw,readonly,serial=a=b,,c");
  EXPECT_EQ(list.first(), "my,disk.img");
  EXPECT_EQ(*list.value("format"), "raw");
  EXPECT_EQ(*list.value("serial"), "a=b,c");
  EXPECT_EQ(list.value("readonly"), nullptr);
  EXPECT_TRUE(*list.flag("readonly"));
  EXPECT_FALSE(*list.flag("other"));
}

}  // namespace
}  // namespace mimus
