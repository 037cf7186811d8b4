// `mimus doctor`: what this host offers, and how to get what is missing.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "backends/emit/features.h"
#include "core/base/module.h"
#include "machines/cli/commands.h"
#include "machines/host/block/io_engine.h"

namespace mimus::cli {
namespace {

enum class Verdict { good, note, bad };

struct Finding {
  Verdict verdict;
  std::string what;
};

Finding processor() {
  const auto f = emit::HostFeatures::probe();
  std::string missing;
  for (auto [have, name] : {std::pair{f.bmi2, "BMI2"}, {f.avx2, "AVX2"}, {f.fma, "FMA"}, {f.cx16, "CMPXCHG16B"}})
    if (!have) missing += std::string(missing.empty() ? "" : ", ") + name;
  const std::string text = fmt::format("host CPU: x86-64, {} threads", std::thread::hardware_concurrency());
  if (missing.empty()) return {Verdict::good, text + " with BMI2, AVX2, FMA, CMPXCHG16B"};
  return {Verdict::note, fmt::format("{}, without {}: some guest code runs slower", text, missing)};
}

Finding memory() {
  int fd = memfd_create("mimus-doctor", MFD_CLOEXEC);
  if (fd < 0)
    return {Verdict::bad, "memfd_create is refused: guest RAM cannot be made (kernel older than 3.17, or a sandbox)"};
  close(fd);
  std::string size = "unknown";
  std::ifstream info("/proc/meminfo");
  for (std::string word; info >> word;)
    if (word == "MemAvailable:" && info >> word) size = fmt::format("{} MiB available", std::stoull(word) / 1024);
  return {Verdict::good, "memory: " + size};
}

// Code is written through one mapping of a memfd and run through another.
Finding executable_memory() {
  int fd = memfd_create("mimus-doctor", MFD_CLOEXEC);
  bool works = fd >= 0 && ftruncate(fd, 4096) == 0;
  void* code = works ? mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) : MAP_FAILED;
  works = code != MAP_FAILED;
  if (works) munmap(code, 4096);
  if (fd >= 0) close(fd);
  if (works) return {Verdict::good, "generated code: executable mappings are allowed"};
  return {Verdict::bad,
          "executable shared mappings are refused (a noexec sandbox or SELinux?): only --engine interp works"};
}

Finding llvm() {
  auto module = load_module("mimus-llvm", "mimus_make_llvm_engine", "the llvm engine", "llvm-19-dev");
  if (module) return {Verdict::good, "llvm engine: present"};
  return {Verdict::note, module.error().message};
}

Finding kvm() {
  if (access("/dev/kvm", R_OK | W_OK) == 0)
    return {Verdict::good, "KVM: /dev/kvm is usable (no guest of this version needs it)"};
  return {Verdict::note, "KVM: /dev/kvm is not usable; RISC-V guests are translated anyway"};
}

Finding disks() {
  if (has_io_uring()) return {Verdict::good, "disks: io_uring"};
  return {Verdict::note,
          "disks: a pool of threads; io_uring is refused (kernel.io_uring_disabled, a sandbox) or was not built in "
          "(liburing-dev)"};
}

Finding perf() {
  int level = 9;
  std::ifstream("/proc/sys/kernel/perf_event_paranoid") >> level;
  if (level <= 1) return {Verdict::good, "perf: profiling is allowed"};
  return {Verdict::note,
          fmt::format("perf: kernel.perf_event_paranoid is {}; 'sysctl kernel.perf_event_paranoid=1' as root "
                      "allows profiles of translated code",
                      level)};
}

}  // namespace

Expected<int> doctor_command() {
  static constexpr const char* kMarks[] = {"ok  ", "note", "BAD "};
  bool good = true;
  fmt::print("mimus {}\n", MIMUS_VERSION);
  for (auto check : {processor, memory, executable_memory, llvm, kvm, disks, perf}) {
    const Finding finding = check();
    fmt::print("{}  {}\n", kMarks[int(finding.verdict)], finding.what);
    good = good && finding.verdict != Verdict::bad;
  }
  return good ? 0 : 1;
}

}  // namespace mimus::cli
