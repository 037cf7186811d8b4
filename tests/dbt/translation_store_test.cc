// Translations that outlive a process: found again, and never used when they are not what they should be.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "accel/dbt/code_cache.h"
#include "accel/dbt/dbt.h"
#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "frontends/riscv/riscv.h"
#include "frontends/riscv/state.h"
#include "tests/dbt/process_fixture.h"
#include "tests/isa/assembler.h"

namespace mimus::dbt {
namespace {

namespace fs = std::filesystem;

constexpr GuestVa kCode = TestMemory::kBase, kData = 0x20000, kEnd = 0x30000;

// Integer, memory, calls through registers, floating point with its rare cases, a helper: whatever ends differently
// when code comes back wrong.
constexpr std::string_view kProgram = R"(
    li s0, 0x20000
    li s1, 40
    li a0, 1
loop:
    mul a1, a0, s1
    add a0, a0, a1
    sd a0, 0(s0)
    lw a2, 4(s0)
    xor a0, a0, a2
    fcvt.d.l fa0, a0
    fsqrt.d fa1, fa0
    fmin.d fa2, fa1, fa0
    fdiv.d fa2, fa2, fa0
    fmv.x.d a3, fa2
    xor a0, a0, a3
    fcvt.w.d a4, fa2, rmm
    add a0, a0, a4
    csrrs a5, fflags, zero
    add a0, a0, a5
    jal ra, leaf
    amoadd.d a6, a0, (s0)
    add a0, a0, a6
    addi s1, s1, -1
    blt zero, s1, loop
    ecall
leaf:
    addi a0, a0, 3
    jalr zero, 0(ra)
)";

struct Folder {
  Folder() {
    std::string name = fs::temp_directory_path() / "mimus-store-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(std::string_view name) const { return path / name; }
  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    if (fs::exists(path / "cache"))
      for (const auto& entry : fs::directory_iterator(path / "cache")) all.push_back(entry.path());
    return all;
  }
  fs::path path;
};

struct Outcome {
  u64 result = 0, hits = 0, misses = 0, rejected = 0;
};

u64 counter(const std::string& stats, const std::string& name) {
  const size_t at = stats.find(name + ' ');
  return at == std::string::npos ? 0 : std::stoull(stats.substr(at + name.size()));
}

class TranslationStoreTest : public testing::Test {
 protected:
  TranslationStoreTest() {
    store.directory = folder / "cache";
    store.identity = "tests";
    store.program = "program";
  }
  void assemble(std::string_view text) {
    auto program = test::assemble(text, kCode);
    ASSERT_TRUE(program) << program.error().message;
    code = program->bytes;
  }
  // A process from its start to its end.
  Outcome run(bool save = true) {
    TestMemory memory(kEnd - TestMemory::kBase, false);
    std::memcpy(memory.at(kCode), code.data(), code.size());
    const auto frontend = make_riscv_frontend({});
    const RuntimeLayout layout{frontend->layout(), frontend->helpers(), MemoryModel::flat};
    const auto interp = make_interp_engine(layout);
    const auto slab = std::move(*emit::CodeSlab::create(u64{2} << 20, emit::CodeSlab::Kind::process));
    const auto host = std::move(*emit::HostRuntime::create(*slab, layout.state));
    (void)slab->allocate(runs++ % 64 * 272);  // not where it was the last time
    const auto baseline = make_baseline_engine(layout, *slab, *host);
    UserDbtConfig config(*frontend, memory);
    config.tiers.fallback = interp.get();
    config.tiers.cold = baseline.get();
    config.code_start = slab->exec_start();
    config.code_bytes = slab->capacity();
    config.store = store;
    const auto accelerator = make_user_dbt(std::move(config));
    TestThread thread;
    const auto cpu = accelerator->make_cpu(thread);
    thread.cpu = cpu.get();
    cpu->state().pc = kCode;
    thread.on_event = [&](const Event&) { cpu->leave(); };
    FaultScope faults(*cpu);
    cpu->run();
    if (save) accelerator->save_translations();
    const std::string stats = accelerator->stats();
    return {riscv::hart(cpu->state()).x[10], counter(stats, "saved.hits"), counter(stats, "saved.misses"),
            counter(stats, "saved.rejected")};
  }
  // As the translator completes the identity.
  StoreConfig with_limits() const {
    StoreConfig complete = store;
    complete.identity += " insns=" + std::to_string(CodeConfig().max_block_insns);
    return complete;
  }
  struct NoMemory final : CodeMemory {
    std::span<const u8> read(GuestPa, u32, u8*) const override { return {}; }
    Watch watch(GuestPa) override { return Watch::failed; }
    void unwatch(GuestPa) override {}
  };
  fs::path only_file() const {
    const auto files = folder.files();
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? fs::path() : files[0];
  }

  Folder folder;
  StoreConfig store;
  std::vector<u8> code;
  unsigned runs = 0;
};

std::vector<u8> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const fs::path& path, const std::vector<u8>& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

TEST_F(TranslationStoreTest, TheSecondRunTranslatesNothing) {
  assemble(kProgram);
  const Outcome first = run();
  EXPECT_EQ(first.hits, 0u);
  EXPECT_GT(first.misses, 4u);
  const Outcome second = run();
  EXPECT_EQ(second.result, first.result);
  EXPECT_EQ(second.hits, first.misses);
  EXPECT_EQ(second.misses, 0u);
  EXPECT_EQ(second.rejected, 0u);
}

TEST_F(TranslationStoreTest, EverythingIsPrivate) {
  assemble(kProgram);
  run();
  struct stat status;
  ASSERT_EQ(stat(store.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(stat(only_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(TranslationStoreTest, ChangedCodeIsTranslatedAnew) {
  assemble("li a0, 1\nj next\nnext: addi a0, a0, 2\necall\n");
  EXPECT_EQ(run().result, 3u);
  assemble("li a0, 1\nj next\nnext: addi a0, a0, 7\necall\n");
  const Outcome changed = run(false);
  EXPECT_EQ(changed.result, 8u);
  EXPECT_EQ(changed.hits, 1u);
  EXPECT_EQ(changed.misses, 1u);
  EXPECT_EQ(changed.rejected, 0u);
}

TEST_F(TranslationStoreTest, OtherIdentitiesAndProgramsSeeNothing) {
  assemble(kProgram);
  run();
  store.identity = "other build";
  EXPECT_EQ(run(false).hits, 0u);
  store.identity = "tests";
  store.program = "other program";
  EXPECT_EQ(run(false).hits, 0u);
  // Nor when the file has been given the name that they look for.
  const fs::path file = only_file();
  store.program = "program";
  store.identity = "tezts";
  run();
  for (const fs::path& other : folder.files())
    if (other != file) fs::copy_file(file, other, fs::copy_options::overwrite_existing);
  const Outcome confused = run(false);
  EXPECT_EQ(confused.hits, 0u);
  EXPECT_EQ(confused.rejected, 1u);
}

TEST_F(TranslationStoreTest, WhatOthersCouldHaveWrittenIsNotUsed) {
  assemble(kProgram);
  const u64 result = run().result;
  const fs::path file = only_file();
  const auto expect_unused = [&](const char* what) {
    const Outcome outcome = run(false);
    EXPECT_EQ(outcome.result, result) << what;
    EXPECT_EQ(outcome.hits, 0u) << what;
  };
  chmod(file.c_str(), 0620);
  expect_unused("writable by the group");
  chmod(file.c_str(), 0602);
  expect_unused("writable by all");
  chmod(file.c_str(), 0600);
  fs::create_hard_link(file, folder / "link");
  expect_unused("with another name");
  fs::rename(file, folder / "link");  // one and the same: nothing happens
  fs::remove(file);
  fs::create_symlink(folder / "link", file);
  expect_unused("a symbolic link");
  fs::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  expect_unused("a pipe");
  fs::remove(file);
  fs::create_directory(file);
  expect_unused("a directory");
  fs::remove(file);
  fs::rename(folder / "link", file);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(file.c_str(), 1, 1), 0);
    expect_unused("somebody else's");
    ASSERT_EQ(chown(file.c_str(), 0, 0), 0);
  }
  EXPECT_GT(run(false).hits, 0u);
}

TEST_F(TranslationStoreTest, ADirectoryOpenToOthersIsNotUsed) {
  assemble(kProgram);
  const u64 result = run().result;
  for (const mode_t mode : {0750, 0701, 0777}) {
    chmod(store.directory.c_str(), mode);
    const Outcome outcome = run();
    EXPECT_EQ(outcome.result, result);
    EXPECT_EQ(outcome.hits, 0u);
  }
  chmod(store.directory.c_str(), 0700);
  EXPECT_GT(run(false).hits, 0u);
  fs::rename(store.directory, folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", store.directory);
  EXPECT_EQ(run(false).hits, 0u);
}

TEST_F(TranslationStoreTest, NothingIsKeptWhereNothingCanBe) {
  assemble(kProgram);
  store.directory = "/proc/nowhere/cache";
  const u64 result = run().result;
  EXPECT_EQ(run().result, result);
  store.directory.clear();
  EXPECT_EQ(run().result, result);
}

TEST_F(TranslationStoreTest, RegionsAndTheirPlansAreFoundAgain) {
  assemble(kProgram);
  run();
  const std::vector<u8> key{1, 2, 3, 4, 5}, value{9, 8, 7};
  const GuestPc plan[] = {kCode, kCode + 8};
  {
    TranslationStore first(with_limits());
    EXPECT_FALSE(first.find_region(kCode, key));
    first.keep_region(kCode, key, value);
    first.keep_plan(kCode, 3, plan);
    NoMemory nothing;
    CodeCache empty(nothing);
    first.save(empty, nothing);
  }
  TranslationStore second(with_limits());
  EXPECT_EQ(second.find_region(kCode, key), value);
  EXPECT_FALSE(second.find_region(kCode + 2, key));
  EXPECT_FALSE(second.find_region(kCode, std::vector<u8>{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(std::ranges::equal(second.find_plan(kCode, 3), plan));
  EXPECT_TRUE(second.find_plan(kCode, 4).empty());
  EXPECT_EQ(run().misses, 0u);  // the blocks are still there
}

// ---- damage ----

class Random {
 public:
  explicit Random(u64 seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  u64 below(u64 limit) {
    state_ ^= state_ << 13, state_ ^= state_ >> 7, state_ ^= state_ << 17;
    return (state_ >> 11) % limit;
  }

 private:
  u64 state_;
};

using Mutation = void (*)(std::vector<u8>&, Random&);
constexpr Mutation kMutations[] = {
    [](std::vector<u8>& b, Random& r) { b[r.below(b.size())] ^= u8(1 << r.below(8)); },
    [](std::vector<u8>& b, Random& r) { b[r.below(b.size())] = u8(r.below(256)); },
    [](std::vector<u8>& b, Random& r) { b.resize(r.below(b.size())); },
    [](std::vector<u8>& b, Random& r) { b.resize(b.size() + 1 + r.below(5000), u8(r.below(256))); },
    [](std::vector<u8>& b, Random& r) {  // a stretch of zeros, as after a crash of the host
      const size_t at = r.below(b.size());
      std::fill_n(b.begin() + s64(at), std::min(b.size() - at, r.below(4096) + 1), 0);
    },
    [](std::vector<u8>& b, Random& r) {  // two words change places
      const size_t x = r.below(b.size() / 8) * 8, y = r.below(b.size() / 8) * 8;
      if (x != y) std::swap_ranges(b.begin() + s64(x), b.begin() + s64(x) + 8, b.begin() + s64(y));
    },
    [](std::vector<u8>& b, Random& r) {  // something is said twice
      const size_t bytes = (1 + r.below(64)) * 8;
      const size_t from = r.below(b.size() - bytes) & ~7ull, to = r.below(b.size() - bytes) & ~7ull;
      std::memmove(b.data() + to, b.data() + from, bytes);
    },
    [](std::vector<u8>& b, Random& r) {  // a length or an offset becomes a hostile one
      constexpr u32 kHostile[] = {0, 1, 7, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
      const u32 value = kHostile[r.below(std::size(kHostile))];
      std::memcpy(b.data() + (r.below(b.size() - 4) & ~3ull), &value, sizeof value);
    },
};

TEST_F(TranslationStoreTest, DamagedFilesAreNeverExecuted) {
  assemble(kProgram);
  const Outcome whole = run();
  const fs::path file = only_file();
  const std::vector<u8> good = read_file(file);
  u64 without = 0, rejected = 0, harmless = 0;
  for (u64 seed = 1; seed <= 1000; ++seed) {
    Random random(seed);
    std::vector<u8> bytes = good;
    kMutations[seed % std::size(kMutations)](bytes, random);
    write_file(file, bytes);
    const Outcome outcome = run(false);
    ASSERT_EQ(outcome.result, whole.result) << "mutation " << seed;
    ASSERT_EQ(outcome.hits + outcome.misses, whole.misses) << "mutation " << seed;
    if (bytes != good && outcome.rejected == 0) ASSERT_EQ(outcome.misses, 0u) << "mutation " << seed;
    rejected += outcome.rejected != 0;
    without += outcome.hits == 0;
    harmless += outcome.misses == 0;
  }
  EXPECT_GT(rejected, 800u);
  EXPECT_GT(without, 100u);   // the head or the index
  EXPECT_LT(harmless, 200u);  // a word that was zero anyway, or one that this program does not ask for
}

// What the file gives out for any damage is, byte for byte, what was put in.
TEST_F(TranslationStoreTest, DamagedEntriesAreNotFound) {
  const Descriptor directory = TranslationStore::open_directory(store.directory);
  ASSERT_TRUE(directory);
  const std::string name = "file";
  TranslationFileWriter writer(store.identity);
  std::vector<std::vector<u8>> guests, codes;
  for (u32 i = 0; i < 40; ++i) {
    guests.emplace_back(2 + i % 9 * 2, u8(i));
    codes.emplace_back(20 + i * 7, u8(i * 5 + 1));
    const GuestPc targets[] = {i, i + 1};
    writer.add({i * 2, i % 3, i, i % 2 == 0, guests[i], std::span(targets, i % 3), codes[i]});
  }
  ASSERT_TRUE(writer.write(directory, name));
  const fs::path file = fs::path(store.directory) / name;
  const std::vector<u8> good = read_file(file);
  TranslationFile::Scratch scratch;
  for (u64 seed = 0; seed <= 1000; ++seed) {
    Random random(seed);
    std::vector<u8> bytes = good;
    if (seed) kMutations[seed % std::size(kMutations)](bytes, random);
    write_file(file, bytes);
    TranslationFile::Opened opened;
    const auto open = TranslationFile::open(directory, name, store.identity, seed % 2 == 0, opened);
    if (!open) {
      ASSERT_EQ(opened, TranslationFile::Opened::rejected);
      continue;
    }
    std::atomic<u64> rejected = 0;
    for (u32 i = 0; i < 40; ++i) {
      const auto found = open->find(i * 2, i % 3, guests[i], scratch, rejected);
      if (!seed) ASSERT_TRUE(found);
      if (!found) continue;
      EXPECT_TRUE(std::ranges::equal(found->block.code, codes[i])) << "mutation " << seed;
      EXPECT_EQ(found->block.guest_insns, i);
      EXPECT_EQ(found->block.targets.size(), i % 3);
      EXPECT_EQ(found->block.straddles, i % 2 == 0);
    }
  }
}

// ---- writers ----

TEST_F(TranslationStoreTest, WritersDoNotDisturbEachOther) {
  assemble(kProgram);
  const u64 result = run(false).result;
  constexpr int kProcesses = 4, kRounds = 25;
  pid_t children[kProcesses];
  for (pid_t& child : children) {
    child = fork();
    if (child) continue;
    int wrong = 0;
    for (int i = 0; i < kRounds; ++i) {
      if (i % 5 == 4)
        for (const fs::path& file : folder.files()) unlink(file.c_str());
      const Outcome outcome = run();
      wrong += outcome.result != result || outcome.rejected != 0;
    }
    _exit(wrong);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  run();
  EXPECT_EQ(run().misses, 0u);
  EXPECT_EQ(folder.files().size(), 1u);  // no temporary files are left
}

TEST_F(TranslationStoreTest, FilesGrowByWhatIsNew) {
  std::string text = "li a0, 0\nli a1, 1\nbeq a1, zero, more\necall\nmore:\n";
  for (int i = 0; i < 100; ++i) text += "j n" + std::to_string(i) + "\nn" + std::to_string(i) + ": addi a0, a0, 1\n";
  text += "ecall\n";
  assemble(text);
  EXPECT_EQ(run().result, 0u);
  const u64 small = fs::file_size(only_file());
  const size_t at = text.find("li a1, 1");
  text[at + 7] = '0';
  assemble(text);
  EXPECT_EQ(run().result, 100u);
  EXPECT_GT(fs::file_size(only_file()), small * 5);
  EXPECT_EQ(run().misses, 0u);
  text[at + 7] = '1';
  assemble(text);
  EXPECT_EQ(run().misses, 0u);  // what was there first is still there
}

TEST_F(TranslationStoreTest, TheDirectoryStaysSmall) {
  assemble(kProgram);
  run();
  const u64 each = fs::file_size(only_file());
  store.most_bytes = each * 8;
  for (int i = 0; i < 20; ++i) {
    store.program = "program " + std::to_string(i);
    run();
    const auto now = time(nullptr);
    for (const fs::path& file : folder.files()) {  // each is older than the next
      struct stat status;
      if (stat(file.c_str(), &status) != 0 || now - status.st_mtime < 500) {
        const timespec when[2] = {{now - 1000 + i, 0}, {now - 1000 + i, 0}};
        utimensat(AT_FDCWD, file.c_str(), when, 0);
      }
    }
    EXPECT_LE(folder.files().size(), 8u);
  }
  EXPECT_EQ(run().misses, 0u);  // the last one is there
  store.program = "program 0";
  EXPECT_EQ(run().hits, 0u);
}

TEST_F(TranslationStoreTest, AFileStaysSmall) {
  store.most_file_bytes = 4000;
  u64 most = 0;
  for (int i = 0; i < 20; ++i) {
    std::string text = "li a0, " + std::to_string(i) + "\n";
    for (int k = 0; k < 10; ++k) text += "j n" + std::to_string(k) + "\nn" + std::to_string(k) + ": addi a0, a0, 1\n";
    assemble(text + "ecall\n");
    EXPECT_EQ(run().result, u64(i) + 10);
    most = std::max<u64>(most, fs::file_size(only_file()));
  }
  EXPECT_LT(most, 16000u);
}

TEST_F(TranslationStoreTest, ALimitOnFilesEndsNothing) {
  assemble(kProgram);
  const pid_t child = fork();
  if (!child) {
    const rlimit limit{100, 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    run();
    _exit(folder.files().empty() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace mimus::dbt
