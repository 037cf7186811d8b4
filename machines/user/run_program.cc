#include "machines/user/run_program.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "machines/user/elf_image.h"
#include "machines/user/gdb_debugger.h"
#include "machines/user/host_signals.h"
#include "machines/user/program_file.h"
#include "machines/user/ptrace_tracee.h"
#include "machines/user/strace.h"
#include "machines/user/thread.h"

extern char** environ;

namespace mimus::user {
namespace {

// Where position-independent programs go: two thirds up Sv39, as Linux does it.
constexpr GuestVa kProgramBase = 0x2a'aaaa'a000;
constexpr u64 kLeastStack = u64{1} << 20, kMostStack = u64{1} << 30;
#ifdef __x86_64__
constexpr u16 kNative = EM_X86_64;
#else
constexpr u16 kNative = EM_AARCH64;
#endif
constexpr int kNotFound = 127, kCannotRun = 126;

class Start {
 public:
  explicit Start(const ExecConfig& config) : config_(config) {}

  Expected<void> run(const MakeCpu& make_cpu, int& exit_code) {
    exit_code = kCannotRun;
    MIMUS_CHECK(open_program(exit_code));
    MIMUS_TRY(memory_, AddressSpace::create());
    MIMUS_CHECK(load());
    MIMUS_TRY(auto cpu, make_cpu(facts_->name, *memory_, program_.host_path));
    isa_ = make_user_isa(*facts_, cpu.extensions);
    accelerator_ = std::move(cpu.accelerator);
    memory_->allow_guard(isa_->guard_prot());
    memory_->access_ignores(isa_->ignored_address_bits());
    guard_code();
    memory_->on_forget([this](GuestVa start, u64 bytes) { accelerator_->forget(start, bytes); });
    memory_->on_page_written([this](GuestVa page) { accelerator_->page_written(page); });
    process_ = std::make_unique<Process>(*memory_, *isa_, *accelerator_, *sysroot_);
    MIMUS_CHECK(load_vdso());
    MIMUS_CHECK(make_stack());
    return run_process();
  }

 private:
  Error error(std::string_view what) const { return {fmt::format("{}: {}", config_.program, what)}; }

  // A bare name is looked up in PATH, as a shell does; in the sysroot before the host.
  std::string find_in_path(const std::string& name) const {
    const char* list = getenv("PATH");
    if (name.find('/') != std::string::npos || !list) return name;
    for (const bool in_root : {true, false}) {
      for (std::string_view rest = list; !rest.empty();) {
        const size_t colon = std::min(rest.find(':'), rest.size());
        std::string candidate = fmt::format("{}/{}", rest.substr(0, colon), name);
        rest.remove_prefix(std::min(colon + 1, rest.size()));
        const std::string host = sysroot_->to_host(candidate);
        if ((host != candidate) == in_root && access(host.c_str(), X_OK) == 0) return candidate;
      }
    }
    return name;
  }

  Expected<void> open_program(int& exit_code) {
    arguments_ = config_.arguments;
    const char* root = config_.sysroot.empty() ? getenv("MIMUS_SYSROOT") : config_.sysroot.c_str();
    sysroot_ = std::make_unique<Sysroot>(root ? root : "");
    path_ = find_in_path(config_.program);
    if (s64 failed = resolve_scripts(*sysroot_, path_, arguments_, program_)) {
      if (failed == -ENOENT) exit_code = kNotFound;
      const char* why = strerror(int(-failed));
      return std::unexpected(error(path_ == config_.program ? why : fmt::format("{}: {}", path_, why)));
    }
    if (program_.elf_machine() == kNative) return std::unexpected(run_native());
    auto parsed =
        parse_image({reinterpret_cast<const u8*>(program_.head.data()), program_.head.size()}, program_.bytes);
    if (!parsed) return std::unexpected(error(parsed.error().message));
    image_ = std::move(*parsed);
    facts_ = facts_of(image_.machine);
    if (!facts_)
      return std::unexpected(error(
          fmt::format("a program of ELF machine {}; mimus exec runs programs of {}", image_.machine, known_isas())));
    return {};
  }

  // A program of this machine, such as the host's own interpreter of a script. Returns why it could not be started.
  Error run_native() const {
    std::vector<char*> words;
    for (const std::string& word : arguments_) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execv(program_.host_path.c_str(), words.data());
    return error(strerror(errno));
  }

  Expected<std::string> interpreter_name() const {
    std::string name(image_.interpreter_bytes, '\0');
    if (pread(program_.file.get(), name.data(), name.size(), off_t(image_.interpreter_offset)) != ssize_t(name.size()))
      return std::unexpected(error("the name of its dynamic linker cannot be read"));
    return std::string(name.c_str());
  }

  Expected<void> load() {
    const GuestVa where = image_.fixed ? 0 : image_.interpreter_bytes ? kProgramBase : kProgramBase;
    auto loaded = load_image(image_, program_.file.get(), *memory_, where);
    if (!loaded) return std::unexpected(error(loaded.error().message));
    main_ = *loaded;
    memory_->start_break(main_.end);
    entry_ = main_.entry;
    first_image_ = image_;
    first_bias_ = main_.bias;
    reserve_stack();
    std::string name;
    if (image_.interpreter_bytes) {
      MIMUS_TRY(name, interpreter_name());
    }
    MIMUS_TRY(const auto root, find_sysroot(config_.sysroot, name, facts_->name, facts_->triplet, facts_->libc));
    if (sysroot_->root().empty() && !root.empty()) sysroot_ = std::make_unique<Sysroot>(root);
    return name.empty() ? Expected<void>() : load_interpreter(name);
  }

  Expected<void> load_interpreter(const std::string& name) {
    ProgramFile file;
    auto explain = [&](std::string_view why) {
      return std::unexpected(error(fmt::format(
          "its dynamic linker {} ({}): {}; install the Debian package {}, or name a root of {} programs with -L", name,
          sysroot_->to_host(name), why, facts_->libc, facts_->name)));
    };
    if (s64 failed = open_program_file(sysroot_->to_host(name), file)) return explain(strerror(int(-failed)));
    auto image = parse_image({reinterpret_cast<const u8*>(file.head.data()), file.head.size()}, file.bytes);
    if (!image) return explain(image.error().message);
    if (image->machine != image_.machine) return explain("it is of another instruction set");
    auto loaded = load_image(*image, file.file.get(), *memory_, 0);
    if (!loaded) return explain(loaded.error().message);
    entry_ = loaded->entry;
    interpreter_base_ = loaded->bias;
    first_image_ = std::move(*image);
    first_bias_ = loaded->bias;
    return {};
  }

  // As the kernel does it: of a dynamic program the linker alone, which then sees to everything else.
  void guard_code() {
    if (!isa_->guard_prot() || !isa_->wants_guard(first_image_.properties)) return;
    for (const LoadSegment& s : first_image_.segments) {
      if (!(s.prot & PROT_EXEC)) continue;
      const GuestVa start = align_down(s.address + first_bias_, kPageSize);
      memory_->protect(start, s.address + first_bias_ + s.memory_bytes - start, s.prot | isa_->guard_prot());
    }
  }

  void reserve_stack() {
    rlimit limit{};
    getrlimit(RLIMIT_STACK, &limit);
    stack_bytes_ = align_up(std::clamp<u64>(limit.rlim_cur, kLeastStack, kMostStack), kPageSize);
    // The last page of the low half stays empty, and a gap below the stack.
    stack_top_ = AddressSpace::kLowLimit - kPageSize;
    const GuestVa bottom = stack_top_ - stack_bytes_;
    const int prot = PROT_READ | PROT_WRITE | (image_.executable_stack ? PROT_EXEC : 0);
    memory_->map(bottom, stack_bytes_, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0,
                 "[stack]");
    memory_->set_top(bottom - (u64{1} << 20));
  }

  Expected<void> load_vdso() {
    const auto bytes = isa_->vdso();
    MIMUS_TRY(const auto image, parse_image(bytes, bytes.size()));
    const u64 room = align_up(bytes.size(), kPageSize);
    const s64 at = memory_->map(0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, kVdsoLabel);
    if (at < 0 || memory_->copy_out(GuestVa(at), bytes.data(), bytes.size()) != 0) return fail("no room for the vDSO");
    memory_->protect(GuestVa(at), room, PROT_READ | PROT_EXEC);
    process_->program.vdso = GuestVa(at);
    process_->program.sigreturn = GuestVa(at) + isa_->vdso_sigreturn();
    return {};
  }

  Expected<void> make_stack() {
    StartStack start;
    start.arguments = arguments_;
    for (char** e = environ; e && *e; e++) start.environment.emplace_back(*e);
    start.path = path_;
    start.platform = isa_->platform();
    start.auxv = {{AT_SYSINFO_EHDR, process_->program.vdso},
                  {AT_HWCAP, isa_->hwcap()},
                  {AT_PAGESZ, kPageSize},
                  {AT_CLKTCK, u64(sysconf(_SC_CLK_TCK))},
                  {AT_PHDR, main_.headers},
                  {AT_PHENT, sizeof(Elf64_Phdr)},
                  {AT_PHNUM, image_.header_count},
                  {AT_BASE, interpreter_base_},
                  {AT_FLAGS, 0},
                  {AT_ENTRY, main_.entry},
                  {AT_UID, getauxval(AT_UID)},
                  {AT_EUID, getauxval(AT_EUID)},
                  {AT_GID, getauxval(AT_GID)},
                  {AT_EGID, getauxval(AT_EGID)},
                  {AT_SECURE, 0},
                  {AT_HWCAP2, isa_->hwcap2()}};
    if (const u64 bytes = isa_->least_signal_stack()) start.auxv.emplace_back(AT_MINSIGSTKSZ, bytes);
    Program& program = process_->program;
    MIMUS_TRY(program.stack, build_stack(start, *memory_, stack_top_));
    program.stack_top = stack_top_;
    program.stack_bytes = stack_bytes_;
    char real[PATH_MAX];
    program.exe = realpath(program_.host_path.c_str(), real) ? real : program_.host_path;
    return {};
  }

  Expected<void> run_process() {
    Process& process = *process_;
    process.stats = config_.stats;
    process.exec_options = config_.options;
    std::unique_ptr<Strace> strace;
    if (config_.strace) strace = std::make_unique<Strace>(STDERR_FILENO);
    process.strace = strace.get();
    if (strace) process.own_fds.insert(strace->fd());
    if (!config_.gdb.empty()) {
      MIMUS_TRY(debugger_, GdbDebugger::create(process, config_.gdb));
      process.debugger = debugger_.get();
    }
    const std::string name = program_.host_path.substr(program_.host_path.rfind('/') + 1);
    prctl(PR_SET_NAME, name.c_str());
    program_ = ProgramFile();
    auto actions = std::make_shared<SignalActions>();
    for (int signal = 1; signal <= kSignals; signal++)
      if (host_ignores(signal)) actions->exchange(signal, {1, 0, 0, 0});
    install_fault_handlers();
    const SignalMask inherited = set_host_mask(kAllSignals);
    UserThread main(process, std::move(actions));
    isa_->start(main.state(), entry_, process.program.stack.sp);
    main.set_mask(inherited);
    if (config_.traced) {
      process.starts_traced = true;
      main.tracer = &PtraceTracee::instance();
    }
    if (debugger_) {
      main.set_all_actions_of_host();
      debugger_->start();
      fmt::print(stderr, "mimus: waiting for GDB: target remote {}\n", debugger_->address());
    }
    main.run();
    // The others go on without this thread.
    syscall(SYS_exit, main.exit_status());
    std::abort();
  }

  const ExecConfig& config_;
  std::unique_ptr<Sysroot> sysroot_;
  std::vector<std::string> arguments_;
  std::string path_;
  ProgramFile program_;
  ElfImage image_;
  ElfImage first_image_;  // the one that runs first: the dynamic linker, if there is one
  u64 first_bias_ = 0;
  const IsaFacts* facts_ = nullptr;
  std::unique_ptr<AddressSpace> memory_;
  LoadedImage main_;
  GuestVa entry_ = 0, interpreter_base_ = 0, stack_top_ = 0;
  u64 stack_bytes_ = 0;
  std::unique_ptr<UserIsa> isa_;
  std::unique_ptr<UserAccelerator> accelerator_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<GdbDebugger> debugger_;
};

}  // namespace

Error run_program(const ExecConfig& config, const MakeCpu& make_cpu, int& exit_code) {
  // Lives to the end of the process, which other threads of the guest may outlive main() to see.
  auto* start = new Start(config);
  auto result = start->run(make_cpu, exit_code);
  return result ? Error{} : result.error();
}

}  // namespace mimus::user
