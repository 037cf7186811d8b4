// `mimus img` as the command line calls it, its results judged by qemu-img.
#include "machines/cli/img_command.h"

#include <fstream>
#include <sstream>

#include "tests/disk/temp_dir.h"

namespace mimus {
namespace {

struct ImgTest : ::testing::Test {
  void SetUp() override {
    has_qemu_img = std::system("qemu-img --version >/dev/null 2>&1") == 0;
    std::filesystem::current_path(dir.file(""));
  }
  void TearDown() override { std::filesystem::current_path("/"); }

  // Words as on a command line; none of them has spaces.
  Expected<int> img(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word == "''" ? "" : word);
    std::vector<const char*> pointers;
    for (const std::string& word : words) pointers.push_back(word.c_str());
    testing::internal::CaptureStdout();
    auto result = cli::img_command(int(pointers.size()), pointers.data());
    output = testing::internal::GetCapturedStdout();
    return result;
  }
  void ok(const std::string& line) {
    const auto result = img(line);
    ASSERT_TRUE(result) << line << ": " << result.error().message;
    EXPECT_EQ(*result, 0) << line << output;
  }
  void error(const std::string& line, const std::string& part) {
    const auto result = img(line);
    ASSERT_FALSE(result) << line;
    EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
  }
  void oracle(const std::string& command) {
    if (!has_qemu_img) return;
    EXPECT_TRUE(dir.run(command)) << command << "\n" << std::ifstream(dir.file("log")).rdbuf();
  }

  TempDir dir;
  bool has_qemu_img = false;
  std::string output;
};

TEST_F(ImgTest, CreateAndInfo) {
  ok("create a.qcow2 5G");
  ok("info a.qcow2");
  EXPECT_NE(output.find("5 GiB (5368709120 bytes)"), std::string::npos) << output;
  oracle("qemu-img check a.qcow2");
  ok("create a.raw 10M");
  EXPECT_EQ(std::filesystem::file_size("a.raw"), 10u << 20);
  for (const char* options : {"--cluster-size 512", "--cluster-size 2M", "--refcount-bits 1 --cluster-size 512",
                              "--refcount-bits 64", "--lazy-refcounts", "--qcow2-version 2", "--compression zstd"}) {
    ok(std::string("create --force b.qcow2 1G ") + options);
    oracle("qemu-img check b.qcow2 && qemu-img info b.qcow2 | grep '1 GiB'");
  }
  error("create a.qcow2 1G", "exists already; give --force");
  error("create c.qcow2", "needs a size");
  error("create c.qcow2 many", "is not a size");
  error("create c.qcow2 1G --cluster-size 3000", "power of two");
  error("create c.qcow2 1G --qcow2-version 2 --lazy-refcounts", "version 2");
  error("create -f vmdk c 1G", "unknown format 'vmdk'");
  EXPECT_FALSE(std::filesystem::exists("c.qcow2"));
}

TEST_F(ImgTest, ConvertThereAndBack) {
  dir.write("a.raw", pattern_disk(3 * 1024 * 1024 + 512 * 5));
  for (const char* options : {"", "-c", "-c --compression zstd", "--cluster-size 512", "-c --cluster-size 2M",
                              "-c --qcow2-version 2 --cluster-size 4K"}) {
    ok(std::string("convert --force a.raw b.qcow2 ") + options);
    oracle("qemu-img check b.qcow2 && qemu-img compare -f raw -F qcow2 a.raw b.qcow2");
    ok("check b.qcow2");
    ok("convert --force b.qcow2 c.raw");
    EXPECT_TRUE(dir.read("c.raw") == dir.read("a.raw")) << options;
  }
  error("convert a.raw b.qcow2", "exists already");
  error("convert -c a.raw d.raw", "only qcow2 images can be compressed");
  error("convert none.raw d.raw", "no such file");
}

TEST_F(ImgTest, BackingFilesAndRebase) {
  dir.write("a.raw", pattern_disk(2 << 20, 1));
  dir.write("b.raw", pattern_disk(1 << 20, 2));
  ok("create -b a.raw -F raw top.qcow2");
  ok("info top.qcow2");
  EXPECT_NE(output.find("a.raw (raw)"), std::string::npos) << output;
  oracle("qemu-io -c 'write -P 9 100k 300k' -c 'write -z 1M 128k' top.qcow2 && qemu-img convert -O raw top.qcow2 want");
  for (const char* options : {"-b b.raw", "-b ''", "-b a.raw -F raw"}) {
    ok(std::string("rebase top.qcow2 ") + options);
    oracle("qemu-img check top.qcow2 && qemu-img compare -f raw want -F qcow2 top.qcow2");
  }
  ok("rebase -u -b elsewhere.raw -F raw top.qcow2");
  error("convert top.qcow2 x.raw", "elsewhere.raw: no such file");
  error("rebase -u -b elsewhere.raw top.qcow2", "give --backing-format, too");
  error("create -f raw -b a.raw c.raw", "only qcow2 images have backing files");
}

TEST_F(ImgTest, SnapshotsAndResize) {
  dir.write("a.raw", pattern_disk(2 << 20));
  ok("convert a.raw b.qcow2");
  ok("snapshot -c one b.qcow2");
  oracle("qemu-img check b.qcow2 && qemu-io -c 'write -P 9 0 1M' b.qcow2 && qemu-img check b.qcow2");
  ok("snapshot -c two b.qcow2");
  ok("snapshot b.qcow2");
  EXPECT_NE(output.find("two"), std::string::npos) << output;
  oracle("qemu-img snapshot -l b.qcow2 | grep two");
  ok("resize b.qcow2 +1M");
  ok("snapshot -a one b.qcow2");
  oracle("qemu-img check b.qcow2 && qemu-img compare -f raw -F qcow2 a.raw b.qcow2");
  ok("snapshot -d one b.qcow2");
  ok("snapshot -d 2 b.qcow2");
  error("snapshot -d two b.qcow2", "has no snapshot 'two'");
  oracle("qemu-img check b.qcow2 && qemu-img compare -f raw -F qcow2 a.raw b.qcow2");
  error("resize b.qcow2 1M", "give --shrink");
  ok("resize --shrink b.qcow2 1M");
  ok("resize b.qcow2 3M");
  oracle(
      "qemu-img check b.qcow2 && qemu-img resize -f raw --shrink a.raw 1M && qemu-img resize -f raw a.raw 3M && "
      "qemu-img compare -f raw -F qcow2 a.raw b.qcow2");
  ok("resize --shrink -f raw a.raw 1M");
  EXPECT_EQ(std::filesystem::file_size("a.raw"), 1u << 20);
}

TEST_F(ImgTest, CheckFindsAndRepairs) {
  dir.write("a.raw", pattern_disk(1 << 20));
  ok("convert --cluster-size 4K a.raw b.qcow2");
  auto bytes = dir.read("b.qcow2");
  const auto whole = bytes;
  // The refcount block is cluster 2, the first data cluster is counted in the middle of it.
  std::fill_n(bytes.begin() + 2 * 4096 + 20, 40, 0);
  dir.write("b.qcow2", bytes);
  const auto damaged = img("check b.qcow2");
  ASSERT_TRUE(damaged);
  EXPECT_EQ(*damaged, 1) << output;
  error("snapshot -c one b.qcow2", "is damaged (cluster ");
  ok("check -r b.qcow2");
  oracle("qemu-img check b.qcow2 && qemu-img compare -f raw -F qcow2 a.raw b.qcow2");
  // A count too high wastes a cluster.
  bytes = whole;
  bytes[2 * 4096 + 21] = 2;
  dir.write("b.qcow2", bytes);
  EXPECT_EQ(*img("check b.qcow2"), 3) << output;
  ok("check --repair b.qcow2");
  oracle("qemu-img check b.qcow2");
}

TEST_F(ImgTest, Words) {
  error("", "what to do? There are: create, info, check");
  error("chek a", "unknown verb 'chek'; did you mean check?");
  error("create a.qcow2 1G 2G", "unexpected argument '2G'");
  error("create a.qcow2 1G --sise 1", "unknown option --sise");
  ok("convert --help");
  EXPECT_NE(output.find("--compress"), std::string::npos);
}

}  // namespace
}  // namespace mimus
