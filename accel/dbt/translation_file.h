// One file of saved translations: what one program's code has become (docs/translation-cache.md has the format). A file
// is written once, under another name, and never changed.
//
// What is read from it is copied first and looked at then, so that nothing that happens to the file meanwhile matters.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/ir/block.h"

namespace mimus::dbt {

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// A translation on its way to or from a file.
struct SavedBlock {
  GuestPc pc = 0;
  u64 mode = 0;
  u32 guest_insns = 0;
  bool straddles = false;
  std::span<const u8> guest;         // the bytes that it was made from
  std::span<const GuestPc> targets;  // TranslatedBlock::targets
  std::span<const u8> code;          // Code::save
};

class TranslationFile {
 public:
  enum class Opened { yes, absent, rejected };

  ~TranslationFile();
  TranslationFile(const TranslationFile&) = delete;

  // The file `name` in `directory`, if it is ours, whole and of exactly this identity. Whether it is the user's own is
  // looked at too; whether the directory is, is the caller's part. `keep_open`: entries are read, not taken from a
  // mapping, for processes whose handler of SIGBUS knows nothing of guarded accesses (core/memory/guarded.h).
  static std::unique_ptr<TranslationFile> open(const Descriptor& directory, const std::string& name,
                                               std::string_view identity, bool keep_open, Opened& result);

  // Memory for a copy of an entry, reused.
  class Scratch {
   public:
    std::span<u8> take(size_t bytes);

   private:
    alignas(16) u64 small_[1024];
    std::vector<u64> large_;
  };
  struct Found {
    SavedBlock block;  // in the scratch memory
    u32 entry = 0;
  };
  // The translation of `pc` whose bytes are those that `code` begins with. Any thread. Damaged entries are counted.
  std::optional<Found> find(GuestPc pc, u64 mode, std::span<const u8> code, Scratch& scratch,
                            std::atomic<u64>& rejected) const;

  u64 entries() const { return index_.size(); }
  u64 bytes() const { return image_.size(); }

 private:
  friend class TranslationFileWriter;
  struct IndexEntry {
    u64 hash;   // of pc and mode
    u32 place;  // in units of 8 bytes, from the start of the entries
    u32 size;   // likewise
  };
  TranslationFile() = default;
  bool read_head(const Descriptor& file, std::string_view identity);
  std::span<u8> copy_entry(const IndexEntry& at, Scratch& scratch) const;

  Descriptor file_;              // if it is kept open
  std::span<const u8> image_;    // the file, mapped
  std::span<const u8> entries_;  // part of it
  std::vector<IndexEntry> index_;
  std::vector<u32> buckets_;  // where the hashes with these upper bits begin; one more than there are buckets
  unsigned bucket_bits_ = 0;
  u64 seed_ = 0;
};

class TranslationFileWriter {
 public:
  explicit TranslationFileWriter(std::string_view identity);

  // All entries of a file, or those for which `wanted` (by Found::entry) is set.
  void add_all(const TranslationFile& file);
  void add_some(const TranslationFile& file, std::span<const std::atomic<bool>> wanted);
  void add(const SavedBlock& block);
  u64 bytes() const { return bytes_; }
  u32 entries() const { return u32(index_.size()); }

  // Puts the file in place of what has the name now, or leaves that as it is.
  bool write(const Descriptor& directory, const std::string& name);

 private:
  using IndexEntry = TranslationFile::IndexEntry;
  void append(std::span<const u8> bytes);
  std::vector<u8> make_index();

  std::string identity_;
  u64 seed_;
  u64 bytes_ = 0;                           // of entries
  std::vector<std::span<const u8>> parts_;  // of files, and of own_
  std::vector<std::unique_ptr<std::vector<u8>>> own_;
  std::vector<IndexEntry> index_;
};

}  // namespace mimus::dbt
