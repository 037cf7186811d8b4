// Which file a foreign program gets for a path.
#include "machines/user/sysroot.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace mimus::user {
namespace {

namespace fs = std::filesystem;

class SysrootTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mimus-sysroot-XXXXXX";
    ASSERT_TRUE(mkdtemp(name));
    root = fs::canonical(name);
    fs::create_directories(root / "usr/bin");
    fs::create_directories(root / "etc");
    fs::create_directories(root / "tmp/inside");
    std::ofstream(root / "usr/bin/program") << "x";
    fs::create_symlink("usr/bin", root / "bin");
    fs::create_symlink("/usr/bin/program", root / "etc/absolute");
    fs::create_symlink("/etc/absolute", root / "usr/bin/twice");
    sysroot = std::make_unique<Sysroot>(root.string());
  }
  void TearDown() override { fs::remove_all(root); }
  std::string at(const char* path, bool follow = true) { return sysroot->to_host(path, follow); }

  fs::path root;
  std::unique_ptr<Sysroot> sysroot;
};

TEST_F(SysrootTest, RootFirst) {
  EXPECT_EQ(at("/usr/bin/program"), root / "usr/bin/program");
  EXPECT_EQ(at("/bin/program"), root / "usr/bin/program");
  EXPECT_EQ(at("/usr/bin"), root / "usr/bin");
  EXPECT_EQ(at("/usr/bin/"), (root / "usr/bin").string() + "/");
  EXPECT_EQ(at("/"), root);
}

TEST_F(SysrootTest, ThenTheHost) {
  EXPECT_EQ(at("/usr/bin/nothing-of-the-kind"), "/usr/bin/nothing-of-the-kind");
  EXPECT_EQ(at("/tmp/inside"), "/tmp/inside");
  EXPECT_EQ(at("/proc/self/maps"), "/proc/self/maps");
  EXPECT_EQ(at("relative/name"), "relative/name");
  EXPECT_EQ(at((root / "etc").c_str()), root / "etc");
}

TEST_F(SysrootTest, LinksStayInside) {
  EXPECT_EQ(at("/etc/absolute"), root / "usr/bin/program");
  EXPECT_EQ(at("/etc/absolute", false), root / "etc/absolute");
  EXPECT_EQ(at("/bin/twice"), root / "usr/bin/program");
  EXPECT_EQ(at("/etc/../usr/bin/.."), root / "usr");
}

TEST_F(SysrootTest, GuestNames) {
  EXPECT_EQ(sysroot->to_guest((root / "usr/bin/program").string()), "/usr/bin/program");
  EXPECT_EQ(sysroot->to_guest(root.string()), "/");
  EXPECT_EQ(sysroot->to_guest("/usr/bin/program"), "/usr/bin/program");
  EXPECT_EQ(Sysroot().to_host("/usr"), "/usr");
}

TEST(FindSysroot, ExplainsWhatIsMissing) {
  unsetenv("MIMUS_SYSROOT");
  auto found = find_sysroot("", "/lib/ld-nowhere.so.1", "riscv64", "riscv64-nowhere-gnu", "libc6-riscv64-cross");
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("libc6-riscv64-cross"), std::string::npos);
  EXPECT_EQ(find_sysroot("", "", "riscv64", "x", "y").value(), "");
  EXPECT_EQ(find_sysroot("/usr", "/lib/x", "riscv64", "x", "y").value(), "/usr");
  EXPECT_FALSE(find_sysroot("/no/such/root", "", "riscv64", "x", "y"));
}

}  // namespace
}  // namespace mimus::user
