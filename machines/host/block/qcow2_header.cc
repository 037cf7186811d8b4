#include "machines/host/block/qcow2_header.h"

#include <algorithm>
#include <array>
#include <vector>

namespace mimus {

namespace {

// Byte offsets in the header; all numbers are big-endian.
enum Offset : size_t {
  kMagic = 0,
  kVersion = 4,
  kBackingOffset = 8,
  kBackingSize = 16,
  kClusterBits = 20,
  kSize = 24,
  kCryptMethod = 32,
  kL1Size = 36,
  kL1Offset = 40,
  kIncompatible = 72,
  kHeaderLength = 100,
  kCompressionType = 104,
};
constexpr u32 kHeaderBytes2 = 72;
constexpr u32 kHeaderBytes3 = 104;
constexpr u64 kMaxL1Bytes = 32 << 20;
constexpr u32 kMaxBackingName = 1023;
constexpr u32 kExtensionEnd = 0;
constexpr u32 kExtensionBackingFormat = 0xe2792aca;

struct Feature {
  u64 bit;
  std::string_view refusal;  // empty: harmless for a reader
};

constexpr Feature kFeatures[] = {
    {1 << 0, {}},  // dirty: reference counts may be wrong; they are not used for reading
    {1 << 1, "is marked as damaged; repair it: qemu-img check -r all FILE"},
    {1 << 2,
     "keeps its data in an external file, which is not supported; convert it: qemu-img convert -O raw FILE NEW"},
    {1 << 3, {}},  // the compression type field is used
    {1 << 4, "uses extended L2 entries, which are not supported; convert it: qemu-img convert -O raw FILE NEW"},
};

template <class T>
T big_endian(std::span<const u8> data, size_t offset) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = T(value << 8 | data[offset + i]);
  return value;
}

class HeaderReader {
 public:
  explicit HeaderReader(const HostFile& file) : file_(file) {}
  Expected<Qcow2Header> run();

 private:
  std::unexpected<Error> refuse(std::string_view why) const { return fail(file_.name() + ": " + std::string(why)); }
  std::unexpected<Error> damaged(std::string_view why) const {
    return refuse("is not a valid qcow2 image: " + std::string(why));
  }
  Expected<void> fixed_part();
  Expected<void> features();
  Expected<void> tables();
  Expected<void> extensions();
  Expected<void> backing_name();

  const HostFile& file_;
  Qcow2Header header_;
  std::vector<u8> bytes_;  // the first cluster, or what the file has of it
  u32 header_bytes_ = kHeaderBytes2;
};

Expected<Qcow2Header> HeaderReader::run() {
  MIMUS_CHECK(fixed_part());
  MIMUS_CHECK(features());
  MIMUS_CHECK(tables());
  MIMUS_CHECK(extensions());
  MIMUS_CHECK(backing_name());
  return std::move(header_);
}

Expected<void> HeaderReader::fixed_part() {
  bytes_.resize(kHeaderBytes3 + 8);
  const s64 got = file_.read_at(0, bytes_);
  if (got < s64{kHeaderBytes2}) return damaged("the file is shorter than a header");
  if (big_endian<u32>(bytes_, kMagic) != 0x514649fb) return damaged("the magic number is missing");
  header_.version = big_endian<u32>(bytes_, kVersion);
  if (header_.version != 2 && header_.version != 3)
    return refuse("is a qcow image of version " + std::to_string(header_.version) + "; 2 and 3 are supported");
  header_.cluster_bits = big_endian<u32>(bytes_, kClusterBits);
  if (header_.cluster_bits < 9 || header_.cluster_bits > 21) return damaged("impossible cluster size");
  if (big_endian<u32>(bytes_, kCryptMethod) != 0)
    return refuse("is encrypted, which is not supported; decrypt it with qemu-img convert");
  bytes_.resize(header_.cluster_bytes());
  const s64 all = file_.read_at(0, bytes_);
  if (all < s64{kHeaderBytes2}) return refuse("cannot be read");
  bytes_.resize(size_t(all));
  if (header_.version == 3) {
    if (bytes_.size() < kHeaderBytes3) return damaged("the file is shorter than a header");
    header_bytes_ = big_endian<u32>(bytes_, kHeaderLength);
    if (header_bytes_ < kHeaderBytes3 || header_bytes_ > bytes_.size() || header_bytes_ % 8)
      return damaged("impossible header length");
  }
  return {};
}

Expected<void> HeaderReader::features() {
  if (header_.version < 3) return {};
  u64 rest = big_endian<u64>(bytes_, kIncompatible);
  for (const Feature& feature : kFeatures) {
    if (!(rest & feature.bit)) continue;
    if (!feature.refusal.empty()) return refuse(feature.refusal);
    rest &= ~feature.bit;
  }
  if (rest)
    return refuse("uses a qcow2 feature that is not known here (incompatible bit " +
                  std::to_string(std::countr_zero(rest)) + "); convert it: qemu-img convert -O raw FILE NEW");
  if (header_bytes_ <= kCompressionType) return {};
  const u8 type = bytes_[kCompressionType];
  if (type > u8(Qcow2Compression::zstd)) return refuse("uses an unknown compression type " + std::to_string(type));
  header_.compression = Qcow2Compression(type);
  return {};
}

Expected<void> HeaderReader::tables() {
  header_.disk_bytes = big_endian<u64>(bytes_, kSize);
  header_.l1_offset = big_endian<u64>(bytes_, kL1Offset);
  if (header_.disk_bytes == 0) return refuse("is a disk of 0 bytes");
  const u32 l2_span_bits = header_.cluster_bits + header_.l2_bits();  // of guest bytes behind one L1 entry
  const u64 needed = ((header_.disk_bytes - 1) >> l2_span_bits) + 1;
  if (needed > kMaxL1Bytes / 8) return damaged("the disk size does not fit the cluster size");
  if (big_endian<u32>(bytes_, kL1Size) < needed) return damaged("the L1 table is too small for the disk size");
  header_.l1_entries = u32(needed);
  if (header_.l1_offset == 0 || header_.l1_offset % header_.cluster_bytes())
    return damaged("the L1 table is misplaced");
  if (header_.l1_offset > file_.size() || needed * 8 > file_.size() - header_.l1_offset)
    return refuse("is truncated: its L1 table lies beyond the end of the file; copy or download it again");
  return {};
}

// u32 type, u32 length, data padded to 8 bytes; unknown types are ignored.
Expected<void> HeaderReader::extensions() {
  u64 at = header_bytes_;
  while (at + 8 <= bytes_.size()) {
    const u32 type = big_endian<u32>(bytes_, at);
    const u32 length = big_endian<u32>(bytes_, at + 4);
    at += 8;
    if (type == kExtensionEnd) break;
    if (length > bytes_.size() - at) return damaged("a header extension runs out of the first cluster");
    if (type == kExtensionBackingFormat)
      header_.backing_format.assign(reinterpret_cast<const char*>(&bytes_[at]), length);
    at += align_up(length, 8);
  }
  return {};
}

Expected<void> HeaderReader::backing_name() {
  const u64 offset = big_endian<u64>(bytes_, kBackingOffset);
  const u32 length = big_endian<u32>(bytes_, kBackingSize);
  if (offset == 0 || length == 0) return {};
  if (length > kMaxBackingName || offset > bytes_.size() || length > bytes_.size() - offset)
    return damaged("the name of the backing file lies outside the first cluster");
  header_.backing_file.assign(reinterpret_cast<const char*>(&bytes_[offset]), length);
  if (header_.backing_file.find('\0') != std::string::npos)
    return damaged("the name of the backing file has a NUL in it");
  return {};
}

}  // namespace

Expected<Qcow2Header> read_qcow2_header(const HostFile& file) { return HeaderReader(file).run(); }

}  // namespace mimus
