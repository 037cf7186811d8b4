#include "machines/host/block/qcow2/compress.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace mimus::qcow2 {

namespace {

// A raw deflate stream (RFC 1951); the largest window decodes every smaller one.
bool inflate_cluster(std::span<const u8> in, std::span<u8> out) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  stream.next_in = const_cast<u8*>(in.data());
  stream.avail_in = uInt(in.size());
  stream.next_out = out.data();
  stream.avail_out = uInt(out.size());
  const int result = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return (result == Z_STREAM_END || result == Z_BUF_ERROR) && stream.avail_out == 0;
}

bool zstd_cluster(std::span<const u8> in, std::span<u8> out) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  ZSTD_inBuffer source{in.data(), in.size(), 0};
  ZSTD_outBuffer target{out.data(), out.size(), 0};
  while (context && target.pos < target.size) {
    const size_t before = source.pos + target.pos;
    if (ZSTD_isError(ZSTD_decompressStream(context.get(), &target, &source))) return false;
    if (source.pos + target.pos == before) return false;  // input used up
  }
  return target.pos == target.size;
}

// QEMU reads with a window of 4 KiB only.
constexpr int kWindowBits = 12;
constexpr int kMemoryLevel = 9;

size_t deflate_cluster(std::span<const u8> in, std::span<u8> out) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK)
    return 0;
  stream.next_in = const_cast<u8*>(in.data());
  stream.avail_in = uInt(in.size());
  stream.next_out = out.data();
  stream.avail_out = uInt(out.size());
  const bool whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  deflateEnd(&stream);
  return whole ? out.size() - stream.avail_out : 0;
}

}  // namespace

std::vector<u8> compress_cluster(Compression type, std::span<const u8> in) {
  std::vector<u8> out(in.size() - 1);
  size_t bytes = 0;
  if (type == Compression::zstd) {
    const size_t result = ZSTD_compress(out.data(), out.size(), in.data(), in.size(), ZSTD_CLEVEL_DEFAULT);
    bytes = ZSTD_isError(result) ? 0 : result;
  } else {
    bytes = deflate_cluster(in, out);
  }
  out.resize(bytes);
  return out;
}

bool decompress_cluster(Compression type, std::span<const u8> in, std::span<u8> out) {
  return type == Compression::zstd ? zstd_cluster(in, out) : inflate_cluster(in, out);
}

}  // namespace mimus::qcow2
