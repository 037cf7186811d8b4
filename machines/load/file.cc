#include "machines/load/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace mimus {
namespace {

struct OpenFile {
  int fd;
  ~OpenFile() {
    if (fd >= 0) close(fd);
  }
};

// The size that the trailer claims (RFC 1952, ISIZE: modulo 2^32), if deflate can reach it at all.
u64 size_hint(std::span<const u8> data) {
  constexpr u64 kBestRatio = 1032;
  if (data.size() < 4) return 0;
  return std::min(read_le(data, data.size() - 4, 4), data.size() * kBestRatio);
}

}  // namespace

Expected<Bytes> read_file(const std::string& path, std::string_view what) {
  auto failure = [&](int error) { return fail(fmt::format("{} {}: {}", what, path, strerror(error))); };
  OpenFile file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return failure(errno);
  struct stat info{};
  if (fstat(file.fd, &info) < 0) return failure(errno);
  if (S_ISDIR(info.st_mode)) return failure(EISDIR);
  Bytes data(size_t(std::max<off_t>(info.st_size, 0)) + 1);  // one more, to see the end
  size_t filled = 0;
  for (;;) {
    if (filled == data.size()) data.resize(data.size() * 2);
    ssize_t got = read(file.fd, data.data() + filled, data.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failure(errno);
    if (got == 0) break;
    filled += size_t(got);
  }
  data.resize(filled);
  if (data.empty()) return fail(fmt::format("{} {}: the file is empty", what, path));
  return data;
}

bool is_gzip(std::span<const u8> data) { return data.size() >= 2 && data[0] == 0x1f && data[1] == 0x8b; }

Expected<Bytes> gunzip(std::span<const u8> data, u64 limit) {
  constexpr int kGzipWrapper = 16 + MAX_WBITS;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWrapper) != Z_OK) return fail("gzip: out of memory");
  std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = const_cast<u8*>(data.data());
  Bytes out(std::min(limit, std::max<u64>(size_hint(data), 4096)));
  int status = Z_OK;
  size_t consumed = 0, filled = 0;
  while (status != Z_STREAM_END) {
    if (filled == out.size()) {
      if (out.size() >= limit) return fail(fmt::format("gzip: more than {} MiB when decompressed", limit >> 20));
      out.resize(std::min<u64>(limit, out.size() * 2));
    }
    const uInt in = uInt(std::min<size_t>(data.size() - consumed, 1u << 30));
    const uInt space = uInt(std::min<size_t>(out.size() - filled, 1u << 30));
    stream.avail_in = in;
    stream.next_out = out.data() + filled;
    stream.avail_out = space;
    status = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    filled += space - stream.avail_out;
    if (status == Z_BUF_ERROR && consumed == data.size()) return fail("gzip: the data ends too early");
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      return fail(fmt::format("gzip: damaged data ({})", stream.msg ? stream.msg : "unknown reason"));
  }
  out.resize(filled);
  return out;
}

u64 read_le(std::span<const u8> data, u64 offset, unsigned bytes) {
  u64 value = 0;
  for (unsigned i = 0; i < bytes; i++) value |= u64{data[offset + i]} << (8 * i);
  return value;
}

}  // namespace mimus
