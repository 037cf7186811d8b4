// Images that QEMU made and that both programs write to in turns.
#include <map>
#include <random>
#include <sstream>

#include "machines/host/block/open_image.h"
#include "machines/host/block/qcow2/snapshots.h"
#include "tests/disk/temp_dir.h"

namespace mimus {
namespace {

struct InteropVariant {
  const char* name;
  const char* options;  // of qemu-img create
  bool snapshots = true;
};

struct Interop : ::testing::TestWithParam<InteropVariant> {
  static constexpr u64 kBytes = 1536 * 1024;

  void SetUp() override {
    if (std::system("qemu-img --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "qemu-img is not installed";
    data = pattern_disk(kBytes, 9);
    dir.write("base.raw", data);
    if (std::string(GetParam().options).find("base.raw") == std::string::npos) data.assign(kBytes, 0);
    ASSERT_TRUE(dir.run(std::string("qemu-img create -f qcow2 ") + GetParam().options + " a.qcow2 1536K"));
  }
  std::pair<u64, u64> range() {
    const u64 offset = random() % (kBytes / 512) * 512;
    return {offset, std::min(kBytes - offset, (1 + random() % 200) * 512)};
  }
  void theirs() {
    std::ostringstream commands;
    for (int i = 0; i < 20; ++i) {
      const auto [offset, bytes] = range();
      const unsigned kind = random() % 4, value = kind < 3 ? 1 + random() % 255 : 0;
      commands << " -c '"
               << (kind < 3   ? "write -P " + std::to_string(value)
                   : kind % 2 ? "write -z -u"
                              : "write -z")
               << " " << offset << " " << bytes << "'";
      std::fill_n(data.begin() + s64(offset), bytes, u8(value));
    }
    ASSERT_TRUE(dir.run("qemu-io -t unsafe -f qcow2" + commands.str() + " a.qcow2"));
    const int snapshot = int(random() % 3);
    if (!GetParam().snapshots) return;
    ASSERT_TRUE(dir.run("qemu-img snapshot -c q" + std::to_string(round) + " a.qcow2"));
    kept["q" + std::to_string(round)] = data;
    if (snapshot == 0) {
      ASSERT_TRUE(dir.run("qemu-img snapshot -a " + kept.begin()->first + " a.qcow2"));
      data = kept.begin()->second;
    }
  }
  void ours() {
    auto opened = open_image(dir.file("a.qcow2"), "", HostFile::Access::read_write);
    ASSERT_TRUE(opened) << opened.error().message;
    auto& image = static_cast<qcow2::Image&>(**opened);
    for (int i = 0; i < 20; ++i) {
      const auto [offset, bytes] = range();
      const unsigned kind = random() % 4;
      std::vector<u8> content(bytes, kind < 3 ? u8(random()) : 0);
      const iovec buffer{content.data(), bytes};
      ASSERT_EQ(kind < 3 ? image.write(offset, {&buffer, 1}) : image.write_zeroes(offset, bytes, random() % 2),
                BlockImage::Status::ok);
      std::ranges::copy(content, data.begin() + s64(offset));
    }
    if (GetParam().snapshots) {
      const std::string name = "m" + std::to_string(round);
      ASSERT_TRUE(qcow2::create_snapshot(image, name, 1));
      kept[name] = data;
      if (random() % 2) {
        const auto chosen = std::next(kept.begin(), random() % kept.size());
        ASSERT_TRUE(qcow2::apply_snapshot(image, chosen->first));
        data = chosen->second;
      }
      if (kept.size() > 3) {
        ASSERT_TRUE(qcow2::delete_snapshot(image, kept.begin()->first));
        kept.erase(kept.begin());
      }
    }
    ASSERT_EQ(image.close(), BlockImage::Status::ok);
  }
  void judge() {
    dir.write("want.raw", data);
    ASSERT_TRUE(dir.run("qemu-img check a.qcow2 && qemu-img compare -f raw -F qcow2 want.raw a.qcow2"))
        << "round " << round << "\n"
        << std::ifstream(dir.file("log")).rdbuf();
  }

  TempDir dir;
  std::mt19937 random{11};
  std::vector<u8> data;
  std::map<std::string, std::vector<u8>> kept;
  int round = 0;
};

TEST_P(Interop, TakingTurns) {
  for (round = 0; round < 2; ++round) {
    ASSERT_NO_FATAL_FAILURE(theirs());
    ASSERT_NO_FATAL_FAILURE(ours());
    ASSERT_NO_FATAL_FAILURE(judge());
  }
}

INSTANTIATE_TEST_SUITE_P(Options, Interop,
                         ::testing::Values(InteropVariant{"plain", ""}, InteropVariant{"v2", "-o compat=0.10"},
                                           InteropVariant{"small", "-o cluster_size=512"},
                                           InteropVariant{"large", "-o cluster_size=2M"},
                                           InteropVariant{"lazy", "-o lazy_refcounts=on,cluster_size=4k"},
                                           InteropVariant{"bits1", "-o refcount_bits=1,cluster_size=1k", false},
                                           InteropVariant{"bits64", "-o refcount_bits=64,cluster_size=1k"},
                                           InteropVariant{"metadata", "-o preallocation=metadata,cluster_size=4k"},
                                           InteropVariant{"falloc", "-o preallocation=falloc"},
                                           InteropVariant{"backing", "-F raw -b base.raw -o cluster_size=4k"},
                                           InteropVariant{"backing_v2", "-F raw -b base.raw -o compat=0.10"},
                                           InteropVariant{"zstd", "-o compression_type=zstd"}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mimus
