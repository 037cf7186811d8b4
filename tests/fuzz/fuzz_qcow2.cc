// The input is a qcow2 file and, after its end, what to do with it. Read-only it is opened and read; then, on a copy,
// written to, closed, opened again and checked: what was intact stays intact, and nothing that the guest writes reaches
// the tables.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "machines/host/block/host_file.h"
#include "machines/host/block/qcow2/check.h"
#include "machines/host/block/qcow2/create.h"
#include "machines/host/block/qcow2/snapshots.h"
#include "machines/host/block/raw_image.h"

namespace mimus {
namespace {

constexpr u64 kMostBytes = 64 << 10;
constexpr u64 kMostZeroed = 8 << 20;

int memory_file(std::span<const u8> contents) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  [[maybe_unused]] const ssize_t written = write(fd, contents.data(), contents.size());
  return fd;
}

// Whatever the image names as its backing file: no file of the host is opened here.
Expected<std::unique_ptr<BlockImage>> open_backing(const std::string&, const std::string& format) {
  if (format == "raw") return fail("no such file");
  static constexpr std::array<u8, 4096> kBacking{1, 2, 3};
  MIMUS_TRY(auto file, HostFile::adopt(memory_file(kBacking), "backing", HostFile::Access::read_only));
  return RawImage::open(std::move(file), false);
}

Expected<std::unique_ptr<qcow2::Image>> open(int fd, HostFile::Access access) {
  MIMUS_TRY(auto file, HostFile::adopt(fd, "fuzz", access));
  return qcow2::Image::open(std::move(file), open_backing);
}

void read_some(BlockImage& image) {
  std::vector<u8> out(std::min(kMostBytes, image.size_bytes()));
  const u64 last = image.size_bytes() - out.size();
  for (u64 offset : {u64{0}, align_down(last / 2, 512), last}) {
    const iovec buffers[] = {{out.data(), out.size() / 3}, {out.data() + out.size() / 3, out.size() - out.size() / 3}};
    image.read(offset, buffers);
    std::vector<BlockImage::HostRange> ranges;
    image.map(offset, out.size(), true, ranges);
  }
  image.next_data(last);
}

// Each byte of the script is an operation; where it goes follows from it, too.
void write_some(qcow2::Image& image, std::span<const u8> script) {
  std::vector<u8> data(kMostBytes, 0x51);
  for (u8 step : script) {
    const u64 sectors = image.size_bytes() / 512;
    const u64 offset = (step >> 3) * 0x9e3779b97f4a7c15u % sectors * 512;
    const u64 bytes = std::min(image.size_bytes() - offset, u64{512} << (step >> 5));
    const iovec buffer{data.data(), bytes};
    switch (step & 7) {
      case 0:
      case 1: image.write(offset, {&buffer, 1}); break;
      case 2: image.discard(offset, std::min(kMostZeroed, image.size_bytes() - offset)); break;
      case 3: image.write_zeroes(offset, std::min(kMostZeroed, image.size_bytes() - offset), step & 8); break;
      case 4: image.flush(); break;
      case 5: (void)qcow2::create_snapshot(image, "fuzz", 1); break;
      case 6: (void)qcow2::apply_snapshot(image, step & 8 ? "1" : "fuzz"); break;
      case 7: (void)qcow2::delete_snapshot(image, step & 8 ? "1" : "fuzz"); break;
    }
  }
}

// An image without errors must have none after it was written to.
void check_again(int fd, bool was_whole) {
  auto file = HostFile::adopt(fd, "fuzz", HostFile::Access::read_only);
  if (!file) return;
  auto header = qcow2::read_header(**file);
  if (!header && was_whole) std::abort();
  if (!header) return;
  auto metadata = qcow2::Metadata::open(std::move(*file), std::move(*header));
  if (!metadata && was_whole) std::abort();
  if (!metadata) return;
  const auto report = qcow2::check(**metadata, {});
  if (!was_whole || (report && report->errors == 0)) return;
  if (report)
    for (const std::string& message : report->messages) std::fprintf(stderr, "%s\n", message.c_str());
  std::abort();
}

bool is_whole(int fd) {
  auto file = HostFile::adopt(fd, "fuzz", HostFile::Access::read_only);
  if (!file) return false;
  auto header = qcow2::read_header(**file);
  if (!header) return false;
  auto metadata = qcow2::Metadata::open(std::move(*file), std::move(*header));
  if (!metadata) return false;
  const auto report = qcow2::check(**metadata, {});
  return report && report->errors == 0;
}

}  // namespace
}  // namespace mimus

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace mimus;
  const std::span<const u8> script = std::span(data, size).last(std::min<size_t>(size, 16));
  const int fd = memory_file({data, size});
  {
    auto image = open(dup(fd), HostFile::Access::read_only);
    if (image) read_some(**image);
  }
  const bool whole = is_whole(dup(fd));
  bool written = false;
  {
    auto image = open(dup(fd), HostFile::Access::read_write);
    if (image) {
      write_some(**image, script);
      read_some(**image);
      written = (*image)->close() == BlockImage::Status::ok;
    }
  }
  check_again(fd, whole && written);
  return 0;
}
