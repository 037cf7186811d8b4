#include "machines/host/block/decompress.h"

#include <zlib.h>
#include <zstd.h>

#include <memory>

namespace mimus {

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

}  // namespace

bool decompress_cluster(Qcow2Compression type, std::span<const u8> in, std::span<u8> out) {
  return type == Qcow2Compression::zstd ? zstd_cluster(in, out) : inflate_cluster(in, out);
}

}  // namespace mimus
