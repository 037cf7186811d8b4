// Random operation sequences on qcow2 images against a model and against qemu-img, and simulated power cuts.
#include <cstdlib>

#include "machines/host/block/qcow2/check.h"
#include "machines/host/block/raw_image.h"
#include "tests/disk/image_model.h"
#include "tests/disk/temp_dir.h"

namespace mimus {
namespace {

// How many times as much to do: 1, in long runs (MIMUS_LONG) 20 or what that says.
unsigned effort() {
  const char* text = std::getenv("MIMUS_LONG");
  return text ? unsigned(std::max(20, std::atoi(text))) : 1;
}

struct RandomImage : ::testing::TestWithParam<ImageVariant> {
  void start(unsigned seed) {
    random.seed(seed);
    for (u64 i = 0; i < 500; ++i) {
      const u64 value = 1000 + i;
      for (int j = 0; j < 64; ++j)
        for (int k = 0; k < 8; ++k) base.bytes.push_back(u8(value >> (8 * k)));
    }
    auto made = qcow2::create(std::make_unique<MemoryStorage>(file), GetParam().options, backing());
    ASSERT_TRUE(made) << made.error().message;
    image = std::move(*made);
    model = std::make_unique<ImageModel>(*image, random, [this] { return file.log.size(); });
  }
  std::unique_ptr<BlockImage> backing() {
    if (!GetParam().backing) return nullptr;
    return std::move(*RawImage::open(std::make_unique<MemoryStorage>(base, false), false));
  }
  Expected<std::unique_ptr<qcow2::Image>> open(MemoryFile& from) {
    auto opened = qcow2::Image::open(std::make_unique<MemoryStorage>(from), {});
    if (opened) (*opened)->exchange_backing(backing());
    return opened;
  }
  void reopen() {
    ASSERT_EQ(image->close(), Status::ok);
    auto opened = open(file);
    ASSERT_TRUE(opened) << opened.error().message;
    image = std::move(*opened);
    model->image(*image);
    model->settle();
    model->check();
  }
  void expect_clean(MemoryFile& of) {
    auto header = qcow2::read_header(MemoryStorage(of, false));
    ASSERT_TRUE(header) << header.error().message;
    auto metadata = qcow2::Metadata::open(std::make_unique<MemoryStorage>(of, false), *header);
    ASSERT_TRUE(metadata);
    const auto report = qcow2::check(**metadata, {});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->clean()) << report->errors << " errors, " << report->leaks << " leaks, " << report->stale_flags
                                 << " stale; " << (report->messages.empty() ? "" : report->messages[0]);
  }
  // After a power cut: are the snapshots there that must be, and do they hold what they held?
  void expect_snapshots(const MemoryFile& left, size_t cut) {
    MemoryFile copy = left;
    auto opened = open(copy);
    ASSERT_TRUE(opened) << opened.error().message;
    const auto found = qcow2::list_snapshots((*opened)->metadata());
    ASSERT_TRUE(found) << found.error().message;
    for (const std::string& name : model->needed_snapshots(cut))
      EXPECT_TRUE(std::ranges::count(*found, name, &qcow2::Snapshot::name)) << name;
    for (const qcow2::Snapshot& snapshot : *found) {
      const auto allowed = model->snapshot_at(snapshot.name, cut);
      const auto applied = qcow2::apply_snapshot(**opened, snapshot.name);
      ASSERT_TRUE(applied) << applied.error().message;
      const Disk disk = contents(**opened);
      EXPECT_TRUE(std::ranges::any_of(allowed, [&](const Disk* one) { return *one == disk; })) << snapshot.name;
    }
  }
  // Exit status of qemu-img check: 0 clean, 2 errors, 3 leaks; -1 without qemu-img.
  int qemu_check(const MemoryFile& of, const char* options = "") {
    if (!has_qemu_img) return -1;
    dir.write("image.qcow2", of.bytes);
    const int status = std::system(
        ("cd '" + dir.file("") + "' && qemu-img check -f qcow2 " + options + " image.qcow2 >log 2>&1").c_str());
    return WEXITSTATUS(status);
  }

  TempDir dir;
  const bool has_qemu_img = std::system("qemu-img --version >/dev/null 2>&1") == 0;
  std::mt19937 random;
  MemoryFile file, base;
  std::unique_ptr<qcow2::Image> image;
  std::unique_ptr<ImageModel> model;
};

TEST_P(RandomImage, AgreesWithModelAndQemuImg) {
  for (unsigned round = 0; round < effort(); ++round) {
    file = {};
    base = {};
    ASSERT_NO_FATAL_FAILURE(start(round + 1));
    for (int i = 0; i < 300; ++i) {
      ASSERT_NO_FATAL_FAILURE(model->step(GetParam().snapshots)) << "step " << i;
      if (random() % 60 != 0) continue;
      ASSERT_NO_FATAL_FAILURE(reopen()) << "step " << i;
    }
    ASSERT_EQ(image->close(), Status::ok);
    expect_clean(file);
    if (!has_qemu_img) continue;
    ASSERT_EQ(qemu_check(file), 0) << std::string(dir.read("log").begin(), dir.read("log").end());
    dir.write("base.raw", base.bytes);
    std::vector<u8> raw;
    for (u64 value : model->disk())
      for (int j = 0; j < 512; ++j) raw.push_back(u8(value >> (8 * (j % 8))));
    raw.resize(image->metadata().header().disk_bytes);
    dir.write("model.raw", raw);
    ASSERT_TRUE(
        dir.run(std::string(GetParam().backing ? "qemu-img rebase -u -f qcow2 -F raw -b base.raw image.qcow2;" : "") +
                "qemu-img compare -f raw -F qcow2 model.raw image.qcow2"))
        << std::string(dir.read("log").begin(), dir.read("log").end());
  }
}

TEST_P(RandomImage, PowerCuts) {
  const unsigned cuts = 5 * effort();
  ASSERT_NO_FATAL_FAILURE(start(100 + effort()));
  for (int i = 0; i < 250; ++i) ASSERT_NO_FATAL_FAILURE(model->step(GetParam().snapshots)) << "step " << i;
  ASSERT_EQ(image->close(), Status::ok);
  model->settle();
  const bool ordered = !GetParam().options.lazy_refcounts && !GetParam().snapshots;
  const size_t first = 20;  // after the image was made
  for (unsigned i = 0; i < cuts; ++i) {
    const size_t cut = first + random() % (file.log.size() - first + 1);
    MemoryFile left = after_power_cut(file, cut, random);
    const bool ask = i % 5 == 0 && has_qemu_img;
    if (ordered && ask) {
      EXPECT_NE(qemu_check(left), 2) << "cut before " << cut;
    }
    if (GetParam().snapshots) {
      ASSERT_NO_FATAL_FAILURE(expect_snapshots(left, cut)) << "cut before " << cut;
    }
    auto opened = open(left);
    ASSERT_TRUE(opened) << opened.error().message << ", cut before " << cut;
    ASSERT_NO_FATAL_FAILURE(model->verify(contents(**opened), cut))
        << "cut before " << cut << " of " << file.log.size();
    ImageModel after(**opened, random, [] { return size_t{0}; });
    for (int j = 0; j < 20; ++j) ASSERT_NO_FATAL_FAILURE(after.step(false));
    ASSERT_EQ((*opened)->close(), Status::ok);
    if (ask) {
      EXPECT_NE(qemu_check(left), 2) << "after repair, cut before " << cut;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, RandomImage, ::testing::ValuesIn(kImageVariants),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mimus
