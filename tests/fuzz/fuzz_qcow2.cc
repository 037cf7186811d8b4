// The input is a qcow2 file: open it, read its beginning, middle and end.
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "machines/host/block/host_file.h"
#include "machines/host/block/qcow2/image.h"
#include "machines/host/block/raw_image.h"

namespace mimus {
namespace {

constexpr u64 kReadBytes = 64 << 10;

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

void read_some(BlockImage& image) {
  std::vector<u8> out(std::min(kReadBytes, image.size_bytes()));
  const u64 last = image.size_bytes() - out.size();
  for (u64 offset : {u64{0}, align_down(last / 2, 512), last}) {
    const iovec buffers[] = {{out.data(), out.size() / 3}, {out.data() + out.size() / 3, out.size() - out.size() / 3}};
    image.read(offset, buffers);
  }
}

}  // namespace
}  // namespace mimus

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace mimus;
  auto file = HostFile::adopt(memory_file({data, size}), "fuzz", HostFile::Access::read_only);
  if (!file) return 0;
  auto image = qcow2::Image::open(std::move(*file), open_backing);
  if (image) read_some(**image);
  return 0;
}
