// Random operations on a qcow2 image, with a model that knows what each sector may contain.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "machines/host/block/qcow2/create.h"
#include "machines/host/block/qcow2/snapshots.h"
#include "tests/disk/memory_storage.h"

namespace mimus {

using Status = BlockImage::Status;

struct ImageVariant {
  const char* name;
  qcow2::CreateOptions options;
  bool backing = false;
  bool snapshots = false;
};

inline std::ostream& operator<<(std::ostream& out, const ImageVariant& variant) { return out << variant.name; }

inline qcow2::CreateOptions variant(u64 cluster, u32 refcount_bits = 16, bool lazy = false, u32 version = 3) {
  qcow2::CreateOptions options;
  options.cluster_bytes = cluster;
  options.refcount_bits = refcount_bits;
  options.lazy_refcounts = lazy;
  options.version = version;
  options.disk_bytes = std::min<u64>(cluster * (cluster < 4096 ? 600 : 100), 3 << 20) + 512 * 3;
  return options;
}

inline const ImageVariant kImageVariants[] = {
    {"c512", variant(512), false, true},
    {"c4k", variant(4096), false, true},
    {"c4k_backing", variant(4096), true, true},
    {"c64k", variant(65536), false, true},
    {"c64k_backing", variant(65536), true, false},
    {"v2", variant(4096, 16, false, 2), false, true},
    {"v2_backing", variant(4096, 16, false, 2), true, false},
    {"lazy", variant(4096, 16, true), false, true},
    {"lazy_backing", variant(512, 16, true), true, false},
    {"width1", variant(512, 1), true, false},
    {"width4", variant(512, 4), false, true},
    {"width64", variant(512, 64), true, true},
};

// Sector contents are numbers: 0 for zeroes, else 64 times the same number.
using Disk = std::vector<u64>;

inline u64 sector_value(const u8* bytes) {
  u64 words[64];
  std::memcpy(words, bytes, 512);
  for (u64 word : words)
    if (word != words[0]) return ~u64{0};  // torn or garbage
  return words[0];
}

inline Disk contents(BlockImage& image) {
  std::vector<u8> bytes(image.size_bytes());
  const iovec buffer{bytes.data(), bytes.size()};
  EXPECT_EQ(image.read(0, {&buffer, 1}), Status::ok);
  Disk disk(bytes.size() / 512);
  for (size_t i = 0; i < disk.size(); ++i) disk[i] = sector_value(&bytes[i * 512]);
  return disk;
}

class ImageModel {
 public:
  // `at`: a number that grows with the steps written to the file.
  ImageModel(qcow2::Image& image, std::mt19937& random, std::function<size_t()> at)
      : image_(&image), random_(random), at_(std::move(at)), disk_(contents(image)) {
    durable_.push_back({at_(), disk_});
  }

  void step(bool snapshots) {
    const unsigned kind = random_() % 100;
    if (kind < 55) return write();
    if (kind < 68) return discard_or_zero(kind % 3);
    if (kind < 80) return flush();
    if (kind >= 95 && snapshots) return snapshot();
    check();
  }
  void check() { expect_disk(contents(*image_), "read"); }
  void flush() {
    ASSERT_EQ(image_->flush(), Status::ok);
    settle();
  }
  void image(qcow2::Image& image) { image_ = &image; }
  const Disk& disk() const { return disk_; }
  // What snapshot `name` may hold when it is found after a power cut before file step `cut`: nothing, if it cannot be
  // there. Those that must be there are in `needed`.
  std::vector<const Disk*> snapshot_at(const std::string& name, size_t cut) const {
    std::vector<const Disk*> list;
    for (const Kept& kept : kept_)
      if (kept.name == name && kept.begin < cut && kept.gone >= cut) list.push_back(&kept.disk);
    return list;
  }
  std::vector<std::string> needed_snapshots(size_t cut) const {
    std::vector<std::string> names;
    for (const Kept& kept : kept_)
      if (kept.made <= cut && kept.going >= cut) names.push_back(kept.name);
    return names;
  }

  // Does a disk that is found after a power cut before file step `cut` have everything durable, and nothing strange?
  void verify(const Disk& found, size_t cut) const {
    const auto* base = &durable_.front();
    for (const auto& one : durable_)
      if (one.at <= cut) base = &one;
    ASSERT_EQ(found.size(), base->disk.size());
    std::map<u64, std::vector<u64>> allowed;
    for (const Change& change : changes_)
      if (change.begin < cut && change.end > base->at)
        for (u64 i = 0; i < change.values.size(); ++i) allowed[change.sector + i].push_back(change.values[i]);
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i] == base->disk[i]) continue;
      const auto others = allowed.find(i);
      ASSERT_TRUE(others != allowed.end() && std::ranges::count(others->second, found[i]))
          << "sector " << i << " is " << found[i] << ", was durable as " << base->disk[i];
    }
  }
  void settle() { durable_.push_back({at_(), disk_}); }

 private:
  struct Durable {
    size_t at;
    Disk disk;
  };
  struct Kept {
    std::string name;
    Disk disk;
    size_t begin, made;  // file steps: the snapshot may be there, is there
    size_t going = ~size_t{0}, gone = ~size_t{0};
  };
  struct Change {
    size_t begin, end;  // file steps
    u64 sector;
    std::vector<u64> values;
  };

  std::pair<u64, u64> range() {
    const u64 sectors = disk_.size();
    const u64 first = random_() % 4 ? random_() % sectors : random_() % std::min<u64>(sectors, 40);
    const u64 most = random_() % 5 == 0 ? sectors : 24;
    return {first, std::min(sectors - first, 1 + random_() % most)};
  }
  void write() {
    const auto [first, count] = range();
    std::vector<u8> bytes(count * 512);
    const u64 value = ++serial_ * 0x0101010101010101u + 1;
    for (size_t i = 0; i < bytes.size(); i += 8) std::memcpy(&bytes[i], &value, 8);
    const size_t cut = random_() % bytes.size();
    const iovec buffers[] = {{bytes.data(), cut}, {bytes.data() + cut, bytes.size() - cut}};
    const size_t begin = at_();
    ASSERT_EQ(image_->write(first * 512, buffers), Status::ok);
    std::fill_n(disk_.begin() + s64(first), count, value);
    changes_.push_back({begin, at_() + 1, first, std::vector<u64>(count, value)});
  }
  // After a discard each sector is zero or as before; afterwards it does not change any more.
  void discard_or_zero(unsigned kind) {
    const auto [first, count] = range();
    const size_t begin = at_();
    ASSERT_EQ(kind == 0 ? image_->discard(first * 512, count * 512)
                        : image_->write_zeroes(first * 512, count * 512, kind == 1),
              Status::ok);
    const Disk now = contents(*image_);
    for (u64 i = first; i < first + count; ++i) {
      ASSERT_TRUE(now[i] == 0 || (kind == 0 && now[i] == disk_[i])) << i;
      disk_[i] = now[i];
    }
    changes_.push_back({begin, at_() + 1, first, {now.begin() + s64(first), now.begin() + s64(first + count)}});
  }
  void snapshot() {
    const size_t begin = at_();
    const std::string name = "s" + std::to_string(random_() % 4);
    const bool there = snapshots_.contains(name);
    if (!there) {
      const auto made = qcow2::create_snapshot(*image_, name, u64{1} << 60);
      ASSERT_TRUE(made) << made.error().message;
      snapshots_[name] = disk_;
      kept_.push_back({name, disk_, begin, at_()});
    } else if (random_() % 2) {
      const auto applied = qcow2::apply_snapshot(*image_, name);
      ASSERT_TRUE(applied) << applied.error().message;
      disk_ = snapshots_[name];
      changes_.push_back({begin, at_() + 1, 0, disk_});
    } else {
      const auto deleted = qcow2::delete_snapshot(*image_, name);
      ASSERT_TRUE(deleted) << deleted.error().message;
      snapshots_.erase(name);
      for (Kept& kept : kept_)
        if (kept.name == name && kept.gone == ~size_t{0}) kept.going = begin, kept.gone = at_();
    }
    settle();
    check();
  }
  void expect_disk(const Disk& found, const char* what) {
    ASSERT_EQ(found.size(), disk_.size());
    const auto [x, y] = std::ranges::mismatch(found, disk_);
    ASSERT_TRUE(x == found.end()) << what << ": sector " << x - found.begin() << " is " << *x << ", not " << *y;
  }

  qcow2::Image* image_;
  std::mt19937& random_;
  std::function<size_t()> at_;
  Disk disk_;
  u64 serial_ = 0;
  std::vector<Durable> durable_;
  std::vector<Change> changes_;
  std::map<std::string, Disk> snapshots_;
  std::vector<Kept> kept_;
};

}  // namespace mimus
