#include "machines/host/block/qcow2/header.h"

#include <algorithm>
#include <array>
#include <vector>

#include "machines/host/block/qcow2/layout.h"

namespace mimus::qcow2 {

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
  kRefcountTableOffset = 48,
  kRefcountTableClusters = 56,
  kSnapshots = 60,
  kSnapshotsOffset = 64,
  kIncompatible = 72,
  kCompatible = 80,
  kAutoclear = 88,
  kRefcountOrder = 96,
  kHeaderLength = 100,
  kCompressionType = 104,
};
constexpr u32 kMagicNumber = 0x514649fb;
constexpr u32 kHeaderBytes2 = 72;
constexpr u32 kHeaderBytes3 = 104;
constexpr u32 kHeaderBytesWritten = 112;  // with the compression type
constexpr u32 kMaxBackingName = 1023;
constexpr u32 kExtensionEnd = 0;
constexpr u32 kExtensionBackingFormat = 0xe2792aca;

struct Feature {
  u64 bit;
  std::string_view refusal;  // empty: no obstacle
};

constexpr Feature kFeatures[] = {
    {kDirtyBit, {}},
    {kCorruptBit, "is marked as damaged; repair it: mimus img check --repair FILE"},
    {1 << 2,
     "keeps its data in an external file, which is not supported; convert it: qemu-img convert -O raw FILE NEW"},
    {kCompressionBit, {}},
    {1 << 4, "uses extended L2 entries, which are not supported; convert it: qemu-img convert -O raw FILE NEW"},
};

class HeaderReader {
 public:
  HeaderReader(const Storage& file, bool accept_damaged) : file_(file), accept_damaged_(accept_damaged) {}
  Expected<Header> run();

 private:
  std::unexpected<Error> refuse(std::string_view why) const { return fail(file_.name() + ": " + std::string(why)); }
  std::unexpected<Error> damaged(std::string_view why) const {
    return refuse("is not a valid qcow2 image: " + std::string(why));
  }
  template <class T>
  T get(size_t offset) const {
    return load_be<T>(&bytes_[offset]);
  }
  Expected<void> fixed_part();
  Expected<void> features();
  Expected<void> tables();
  Expected<void> extensions();
  Expected<void> backing_name();

  const Storage& file_;
  const bool accept_damaged_;
  Header header_;
  std::vector<u8> bytes_;  // the first cluster, or what the file has of it
  u32 header_bytes_ = kHeaderBytes2;
};

Expected<Header> HeaderReader::run() {
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
  if (get<u32>(kMagic) != kMagicNumber) return damaged("the magic number is missing");
  header_.version = get<u32>(kVersion);
  if (header_.version != 2 && header_.version != 3)
    return refuse("is a qcow image of version " + std::to_string(header_.version) + "; 2 and 3 are supported");
  header_.cluster_bits = get<u32>(kClusterBits);
  if (header_.cluster_bits < 9 || header_.cluster_bits > 21) return damaged("impossible cluster size");
  if (get<u32>(kCryptMethod) != 0)
    return refuse("is encrypted, which is not supported; decrypt it with qemu-img convert");
  bytes_.resize(header_.cluster_bytes());
  const s64 all = file_.read_at(0, bytes_);
  if (all < s64{kHeaderBytes2}) return refuse("cannot be read");
  bytes_.resize(size_t(all));
  if (header_.version == 3) {
    if (bytes_.size() < kHeaderBytes3) return damaged("the file is shorter than a header");
    header_bytes_ = get<u32>(kHeaderLength);
    if (header_bytes_ < kHeaderBytes3 || header_bytes_ > bytes_.size() || header_bytes_ % 8)
      return damaged("impossible header length");
  }
  return {};
}

Expected<void> HeaderReader::features() {
  if (header_.version < 3) return {};
  header_.incompatible = get<u64>(kIncompatible);
  header_.compatible = get<u64>(kCompatible);
  header_.autoclear = get<u64>(kAutoclear);
  header_.refcount_order = get<u32>(kRefcountOrder);
  u64 rest = header_.incompatible;
  for (const Feature& feature : kFeatures) {
    if (!(rest & feature.bit)) continue;
    if (!feature.refusal.empty() && !(feature.bit == kCorruptBit && accept_damaged_)) return refuse(feature.refusal);
    rest &= ~feature.bit;
  }
  if (rest)
    return refuse("uses a qcow2 feature that is not known here (incompatible bit " +
                  std::to_string(std::countr_zero(rest)) + "); convert it: qemu-img convert -O raw FILE NEW");
  if (header_bytes_ <= kCompressionType) return {};
  const u8 type = bytes_[kCompressionType];
  if (type > u8(Compression::zstd)) return refuse("uses an unknown compression type " + std::to_string(type));
  header_.compression = Compression(type);
  return {};
}

Expected<void> HeaderReader::tables() {
  header_.disk_bytes = get<u64>(kSize);
  header_.l1_offset = get<u64>(kL1Offset);
  header_.refcount_table_offset = get<u64>(kRefcountTableOffset);
  header_.refcount_table_clusters = get<u32>(kRefcountTableClusters);
  header_.snapshots = get<u32>(kSnapshots);
  header_.snapshots_offset = get<u64>(kSnapshotsOffset);
  if (header_.disk_bytes == 0) return refuse("is a disk of 0 bytes");
  const u64 needed = header_.l1_needed(header_.disk_bytes);
  if (needed > kMaxL1Bytes / 8) return damaged("the disk size does not fit the cluster size");
  header_.l1_entries = get<u32>(kL1Size);
  if (header_.l1_entries < needed) return damaged("the L1 table is too small for the disk size");
  if (header_.l1_entries > kMaxL1Bytes / 8) return damaged("the L1 table is too large");
  if (header_.l1_offset == 0 || header_.l1_offset % header_.cluster_bytes())
    return damaged("the L1 table is misplaced");
  if (header_.l1_offset > file_.size() || u64{header_.l1_entries} * 8 > file_.size() - header_.l1_offset)
    return refuse("is truncated: its L1 table lies beyond the end of the file; copy or download it again");
  return {};
}

// u32 type, u32 length, data padded to 8 bytes; unknown types are ignored.
Expected<void> HeaderReader::extensions() {
  u64 at = header_bytes_;
  while (at + 8 <= bytes_.size()) {
    const u32 type = get<u32>(at);
    const u32 length = get<u32>(at + 4);
    at += 8;
    if (type == kExtensionEnd) break;
    if (length > bytes_.size() - at) return damaged("a header extension runs out of the first cluster");
    if (type == kExtensionBackingFormat)
      header_.backing_format.assign(reinterpret_cast<const char*>(&bytes_[at]), length);
    else
      header_.extensions.push_back({type, {bytes_.begin() + s64(at), bytes_.begin() + s64(at + length)}});
    at += align_up(length, 8);
  }
  return {};
}

Expected<void> HeaderReader::backing_name() {
  const u64 offset = get<u64>(kBackingOffset);
  const u32 length = get<u32>(kBackingSize);
  if (offset == 0 || length == 0) return {};
  if (length > kMaxBackingName || offset > bytes_.size() || length > bytes_.size() - offset)
    return damaged("the name of the backing file lies outside the first cluster");
  header_.backing_offset = offset;
  header_.backing_file.assign(reinterpret_cast<const char*>(&bytes_[offset]), length);
  if (header_.backing_file.find('\0') != std::string::npos)
    return damaged("the name of the backing file has a NUL in it");
  return {};
}

void put_fields(const Header& header, u8* at) {
  store_be(at + kSize, header.disk_bytes);
  store_be(at + kL1Size, header.l1_entries);
  store_be(at + kL1Offset, header.l1_offset);
  store_be(at + kRefcountTableOffset, header.refcount_table_offset);
  store_be(at + kRefcountTableClusters, header.refcount_table_clusters);
  store_be(at + kSnapshots, header.snapshots);
  store_be(at + kSnapshotsOffset, header.snapshots_offset);
  if (header.version < 3) return;
  store_be(at + kIncompatible, header.incompatible);
  store_be(at + kCompatible, header.compatible);
  store_be(at + kAutoclear, header.autoclear);
}

// Everything but the place of the backing file's name.
std::vector<u8> encode(const Header& header) {
  const u32 fixed = header.version < 3 ? kHeaderBytes2 : kHeaderBytesWritten;
  std::vector<u8> out(fixed);
  store_be(&out[kMagic], kMagicNumber);
  store_be(&out[kVersion], header.version);
  store_be(&out[kClusterBits], header.cluster_bits);
  put_fields(header, out.data());
  if (header.version >= 3) {
    store_be(&out[kRefcountOrder], header.refcount_order);
    store_be(&out[kHeaderLength], fixed);
    out[kCompressionType] = u8(header.compression);
  }
  const auto extension = [&](u32 type, std::span<const u8> bytes) {
    const size_t at = out.size();
    out.resize(at + 8 + align_up(bytes.size(), 8));
    store_be(&out[at], type);
    store_be(&out[at + 4], u32(bytes.size()));
    std::ranges::copy(bytes, out.begin() + s64(at + 8));
  };
  if (!header.backing_format.empty())
    extension(kExtensionBackingFormat,
              {reinterpret_cast<const u8*>(header.backing_format.data()), header.backing_format.size()});
  for (const Header::Extension& other : header.extensions) extension(other.type, other.bytes);
  extension(kExtensionEnd, {});
  return out;
}

// The first place after the header that does not touch the old name; directly after it if there is none.
u64 place_of_name(const Header& header, u64 header_end, u64 old_offset, u64 old_bytes) {
  const u64 length = header.backing_file.size();
  for (u64 at : {header_end, align_up(std::max(header_end, old_offset + old_bytes), 512)}) {
    const bool clear = at + length <= old_offset || at >= old_offset + old_bytes;
    if ((old_bytes == 0 || clear) && at + length <= header.cluster_bytes()) return at;
  }
  return header_end;
}

}  // namespace

Expected<Header> read_header(const Storage& file, bool accept_damaged) {
  return HeaderReader(file, accept_damaged).run();
}

Io<void> write_fields(Storage& file, const Header& header) {
  std::array<u8, kAutoclear + 8> bytes{};
  put_fields(header, bytes.data());
  const size_t end = header.version < 3 ? kHeaderBytes2 : bytes.size();
  // kCryptMethod lies between: it is 0.
  return io_result(file.write_at(kSize, std::span<const u8>(bytes).subspan(kSize, end - kSize)));
}

Expected<void> write_whole(Storage& file, Header& header) {
  std::vector<u8> bytes = encode(header);
  std::array<u8, kBackingSize + 4> old{};
  const bool has_old = file.read_at(0, old) == s64(old.size()) && load_be<u32>(&old[kMagic]) == kMagicNumber;
  const u64 at = place_of_name(header, bytes.size(), has_old ? load_be<u64>(&old[kBackingOffset]) : 0,
                               has_old ? load_be<u32>(&old[kBackingSize]) : 0);
  if (header.backing_file.size() > kMaxBackingName || at + header.backing_file.size() > header.cluster_bytes())
    return fail(file.name() + ": the name of the backing file is too long");
  header.backing_offset = header.backing_file.empty() ? 0 : at;
  store_be(&bytes[kBackingOffset], header.backing_offset);
  store_be(&bytes[kBackingSize], u32(header.backing_file.size()));
  const std::span name(reinterpret_cast<const u8*>(header.backing_file.data()), header.backing_file.size());
  int error = name.empty() ? 0 : file.write_at(at, name);
  if (error == 0) error = file.sync();
  if (error == 0) error = file.write_at(0, std::span<const u8>(bytes));
  if (error == 0) error = file.sync();
  if (error != 0) return fail(file.name() + ": its header cannot be written: " + describe(status_of(error)));
  return {};
}

}  // namespace mimus::qcow2
