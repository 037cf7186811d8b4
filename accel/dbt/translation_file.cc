#include "accel/dbt/translation_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "core/base/hash.h"
#include "core/memory/guarded.h"

namespace mimus::dbt {

namespace {

constexpr char kMagic[8] = {'M', 'I', 'M', 'U', 'S', 'T', 'C', '1'};
constexpr u64 kUnit = 8;
constexpr u64 kMostBytes = u64{1} << 30;  // of a file
constexpr size_t kOwnChunk = 1 << 20;

struct FileHead {
  char magic[8];
  u64 identity_bytes;  // the identity follows the head, the entries follow it at a multiple of kUnit
  u64 entries_bytes;
  u32 entry_count;  // index: IndexEntry[entry_count], u32[2^bucket_bits + 1]
  u32 bucket_bits;
  u64 index_checksum;
  u64 checksum;  // of the head before and of the identity
};
static_assert(sizeof(FileHead) == 48);

// Followed by the guest bytes, the targets and the code, each padded to kUnit.
struct EntryHead {
  u64 checksum;  // of everything behind it
  u64 pc, mode;
  u32 guest_bytes, guest_insns, targets, code_bytes;
  u32 straddles;
  u32 unused;
};
static_assert(sizeof(EntryHead) == 48);

u64 padded(u64 bytes) { return align_up(bytes, kUnit); }

u64 hash_key(GuestPc pc, u64 mode) { return mix64(pc * 0x9e3779b97f4a7c15 ^ mode, 0xc2b2ae3d27d4eb4f); }
u64 hash_identity(std::string_view identity) {
  return hash_bytes({reinterpret_cast<const u8*>(identity.data()), identity.size()}, 1);
}
u64 head_checksum(const FileHead& head, std::string_view identity) {
  const std::span bytes{reinterpret_cast<const u8*>(&head), offsetof(FileHead, checksum)};
  return hash_bytes(bytes, hash_identity(identity));
}
u64 entry_checksum(std::span<const u8> entry, u64 seed) { return hash_bytes(entry.subspan(sizeof(u64)), seed); }

// A buffer of 8-byte words, as bytes.
template <class T>
std::span<u8> bytes_of(std::vector<T>& table) {
  return {reinterpret_cast<u8*>(table.data()), table.size() * sizeof(T)};
}

bool read_at(const Descriptor& file, std::span<u8> out, u64 offset) {
  for (size_t done = 0; done < out.size();) {
    const ssize_t got = pread(file.get(), out.data() + done, out.size() - done, off_t(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += size_t(got);
  }
  return true;
}

// An ordinary file that this user alone may write to, under one name (or none any more: it has just been replaced).
bool is_private(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
         status.st_nlink <= 1;
}

// The parts of an entry in place; false: its lengths do not add up.
bool parse(std::span<const u8> entry, SavedBlock& out) {
  const EntryHead& head = *reinterpret_cast<const EntryHead*>(entry.data());
  const u64 guest = padded(head.guest_bytes), targets = u64{head.targets} * sizeof(GuestPc);
  if (sizeof head + guest + targets + padded(head.code_bytes) != entry.size()) return false;
  out = {head.pc, head.mode, head.guest_insns, head.straddles != 0, {}, {}, {}};
  const u8* at = entry.data() + sizeof head;
  out.guest = {at, head.guest_bytes};
  out.targets = {reinterpret_cast<const GuestPc*>(at + guest), head.targets};
  out.code = {at + guest + targets, head.code_bytes};
  return true;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

// ---- reading ----

TranslationFile::~TranslationFile() {
  if (!image_.empty()) munmap(const_cast<u8*>(image_.data()), image_.size());
}

std::unique_ptr<TranslationFile> TranslationFile::open(const Descriptor& directory, const std::string& name,
                                                       std::string_view identity, bool keep_open, Opened& result) {
  Descriptor file(openat(directory.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  result = !file && errno == ENOENT ? Opened::absent : Opened::rejected;
  struct stat status;
  if (!file || fstat(file.get(), &status) != 0 || !is_private(status)) return nullptr;
  const u64 size = u64(status.st_size);
  if (size < sizeof(FileHead) || size > kMostBytes) return nullptr;
  std::unique_ptr<TranslationFile> made(new TranslationFile);
  void* image = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (image == MAP_FAILED) return nullptr;
  made->image_ = {static_cast<const u8*>(image), size};
  if (!made->read_head(file, identity)) return nullptr;
  constexpr s64 kDay = 24 * 3600;
  if (time(nullptr) - status.st_mtim.tv_sec > kDay) futimens(file.get(), nullptr);  // what is used stays
  if (keep_open) made->file_ = std::move(file);
  result = Opened::yes;
  return made;
}

// Head, identity and index, which are copied; the entries stay in the file.
bool TranslationFile::read_head(const Descriptor& file, std::string_view identity) {
  FileHead head;
  std::string theirs(identity.size(), '\0');
  if (!read_at(file, {reinterpret_cast<u8*>(&head), sizeof head}, 0)) return false;
  if (std::memcmp(head.magic, kMagic, sizeof kMagic) != 0 || head.identity_bytes != identity.size()) return false;
  if (!read_at(file, {reinterpret_cast<u8*>(theirs.data()), theirs.size()}, sizeof head)) return false;
  if (theirs != identity || head.checksum != head_checksum(head, identity)) return false;

  const u64 size = image_.size(), start = padded(sizeof head + identity.size());
  if (head.bucket_bits > 24 || head.entries_bytes > size || head.entry_count > size / sizeof(IndexEntry)) return false;
  index_.resize(head.entry_count);
  buckets_.resize((size_t{1} << head.bucket_bits) + 1);
  const u64 index_at = start + head.entries_bytes, buckets_at = index_at + bytes_of(index_).size();
  if (start % kUnit || head.entries_bytes % kUnit || buckets_at + bytes_of(buckets_).size() != size) return false;
  if (!read_at(file, bytes_of(index_), index_at) || !read_at(file, bytes_of(buckets_), buckets_at)) return false;
  seed_ = hash_identity(identity);
  if (hash_bytes(bytes_of(buckets_), hash_bytes(bytes_of(index_), seed_)) != head.index_checksum) return false;
  if (!std::ranges::is_sorted(buckets_) || buckets_.back() != index_.size()) return false;
  bucket_bits_ = head.bucket_bits;
  entries_ = image_.subspan(start, head.entries_bytes);
  return true;
}

std::span<u8> TranslationFile::Scratch::take(size_t bytes) {
  if (bytes <= sizeof small_) return {reinterpret_cast<u8*>(small_), bytes};
  large_.resize(align_up(bytes, 8) / 8);
  return {reinterpret_cast<u8*>(large_.data()), bytes};
}

// Empty if the entry lies outside, cannot be read or is damaged.
std::span<u8> TranslationFile::copy_entry(const IndexEntry& at, Scratch& scratch) const {
  const u64 offset = at.place * kUnit, size = at.size * kUnit;
  if (size < sizeof(EntryHead) || offset > entries_.size() || size > entries_.size() - offset) return {};
  const std::span<u8> copy = scratch.take(size);
  const bool got = file_ ? read_at(file_, copy, u64(entries_.data() - image_.data()) + offset)
                         : guarded_copy(copy.data(), entries_.data() + offset, size).ok();
  if (!got) return {};
  u64 checksum;
  std::memcpy(&checksum, copy.data(), sizeof checksum);
  return entry_checksum(copy, seed_) == checksum ? copy : std::span<u8>();
}

std::optional<TranslationFile::Found> TranslationFile::find(GuestPc pc, u64 mode, std::span<const u8> code,
                                                            Scratch& scratch, std::atomic<u64>& rejected) const {
  const u64 hash = hash_key(pc, mode);
  const u64 bucket = bucket_bits_ ? hash >> (64 - bucket_bits_) : 0;
  for (u32 i = buckets_[bucket]; i < buckets_[bucket + 1]; ++i) {
    if (index_[i].hash != hash) continue;
    Found found;
    found.entry = i;
    const std::span<u8> entry = copy_entry(index_[i], scratch);
    if (entry.empty() || !parse(entry, found.block)) {
      rejected.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    const SavedBlock& block = found.block;
    if (block.pc != pc || block.mode != mode || block.guest.size() > code.size()) continue;
    if (std::ranges::equal(block.guest, code.first(block.guest.size()))) return found;
  }
  return std::nullopt;
}

// ---- writing ----

TranslationFileWriter::TranslationFileWriter(std::string_view identity)
    : identity_(identity), seed_(hash_identity(identity)) {}

void TranslationFileWriter::append(std::span<const u8> bytes) {
  if (!parts_.empty() && parts_.back().data() + parts_.back().size() == bytes.data())
    parts_.back() = {parts_.back().data(), parts_.back().size() + bytes.size()};
  else
    parts_.push_back(bytes);
  bytes_ += bytes.size();
}

void TranslationFileWriter::add_all(const TranslationFile& file) {
  const u32 base = u32(bytes_ / kUnit);
  for (IndexEntry entry : file.index_) {
    entry.place += base;
    index_.push_back(entry);
  }
  append(file.entries_);
}

void TranslationFileWriter::add_some(const TranslationFile& file, std::span<const std::atomic<bool>> wanted) {
  for (size_t i = 0; i < file.index_.size() && i < wanted.size(); ++i) {
    IndexEntry entry = file.index_[i];
    const u64 offset = entry.place * kUnit, size = entry.size * kUnit;
    if (!wanted[i] || offset > file.entries_.size() || size > file.entries_.size() - offset) continue;
    entry.place = u32(bytes_ / kUnit);
    index_.push_back(entry);
    append(file.entries_.subspan(offset, size));
  }
}

void TranslationFileWriter::add(const SavedBlock& block) {
  EntryHead head{};
  head.pc = block.pc;
  head.mode = block.mode;
  head.guest_bytes = u32(block.guest.size());
  head.guest_insns = block.guest_insns;
  head.targets = u32(block.targets.size());
  head.code_bytes = u32(block.code.size());
  head.straddles = block.straddles;
  const u64 size = sizeof head + padded(block.guest.size()) + block.targets.size_bytes() + padded(block.code.size());
  if (own_.empty() || own_.back()->capacity() - own_.back()->size() < size) {
    own_.push_back(std::make_unique<std::vector<u8>>());
    own_.back()->reserve(std::max<size_t>(size, kOwnChunk));
  }
  std::vector<u8>& chunk = *own_.back();
  const size_t start = chunk.size();
  const auto put = [&](const void* data, size_t bytes) {
    const u8* from = static_cast<const u8*>(data);
    chunk.insert(chunk.end(), from, from + bytes);
    chunk.resize(padded(chunk.size()));
  };
  put(&head, sizeof head);
  put(block.guest.data(), block.guest.size());
  put(block.targets.data(), block.targets.size_bytes());
  put(block.code.data(), block.code.size());
  const std::span<u8> entry{chunk.data() + start, size};
  head.checksum = entry_checksum(entry, seed_);
  std::memcpy(entry.data(), &head.checksum, sizeof head.checksum);
  index_.push_back({hash_key(block.pc, block.mode), u32(bytes_ / kUnit), u32(size / kUnit)});
  append(entry);
}

// Sorted by hash, with a table over its upper bits that has an entry for about four hashes.
std::vector<u8> TranslationFileWriter::make_index() {
  std::ranges::stable_sort(index_, {}, &IndexEntry::hash);
  unsigned bits = 0;
  while (index_.size() >> (bits + 2)) ++bits;
  std::vector<u32> buckets;
  size_t at = 0;
  for (u64 bucket = 0; bucket < u64{1} << bits; ++bucket) {
    while (bits && at < index_.size() && index_[at].hash >> (64 - bits) < bucket) ++at;
    buckets.push_back(u32(at));
  }
  buckets.push_back(u32(index_.size()));

  std::vector<u8> out(sizeof(FileHead));
  FileHead head{};
  std::memcpy(head.magic, kMagic, sizeof kMagic);
  head.identity_bytes = identity_.size();
  head.entries_bytes = bytes_;
  head.entry_count = u32(index_.size());
  head.bucket_bits = bits;
  head.index_checksum = hash_bytes(bytes_of(buckets), hash_bytes(bytes_of(index_), seed_));
  head.checksum = head_checksum(head, identity_);
  std::memcpy(out.data(), &head, sizeof head);
  out.insert(out.end(), identity_.begin(), identity_.end());
  out.resize(padded(out.size()));
  for (const auto table : {bytes_of(index_), bytes_of(buckets)}) out.insert(out.end(), table.begin(), table.end());
  return out;
}

namespace {

bool write_all(const Descriptor& file, std::vector<iovec> parts) {
  size_t first = 0;
  while (first < parts.size()) {
    const ssize_t wrote = writev(file.get(), &parts[first], int(std::min<size_t>(parts.size() - first, IOV_MAX)));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    for (size_t left = size_t(wrote); left;) {
      const size_t step = std::min(left, parts[first].iov_len);
      parts[first].iov_base = static_cast<u8*>(parts[first].iov_base) + step;
      parts[first].iov_len -= step;
      left -= step;
      if (!parts[first].iov_len) ++first;
    }
    while (first < parts.size() && !parts[first].iov_len) ++first;
  }
  return true;
}

// A limit on the size of files would end the process instead of the write.
bool may_write(u64 bytes) {
  rlimit limit{};
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes <= limit.rlim_cur;
}

}  // namespace

bool TranslationFileWriter::write(const Descriptor& directory, const std::string& name) {
  const std::vector<u8> index = make_index();
  if (bytes_ + index.size() > kMostBytes || !may_write(bytes_ + index.size())) return false;
  const std::string temporary = name + "." + std::to_string(getpid()) + ".new";
  unlinkat(directory.get(), temporary.c_str(), 0);  // of a process of that number that did not get to its end
  const Descriptor file(openat(directory.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               S_IRUSR | S_IWUSR));
  if (!file) return false;
  const auto part = [](std::span<const u8> bytes) { return iovec{const_cast<u8*>(bytes.data()), bytes.size()}; };
  const std::span<const u8> tables(index);
  const size_t start = padded(sizeof(FileHead) + identity_.size());
  std::vector<iovec> parts{part(tables.first(start))};
  for (const std::span<const u8> entries : parts_) parts.push_back(part(entries));
  parts.push_back(part(tables.subspan(start)));
  if (write_all(file, std::move(parts)) &&
      renameat(directory.get(), temporary.c_str(), directory.get(), name.c_str()) == 0)
    return true;
  unlinkat(directory.get(), temporary.c_str(), 0);
  return false;
}

}  // namespace mimus::dbt
