# triglav: `make` builds, `make check` tests, `make demo` shows. V=1 shows the commands.
# Sources are found by folder: a new .c file needs no line here.

VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= cc
CXX     ?= c++
B       ?= build
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

LIBS    := libbpf libxdp libsodium libevent libevent_pthreads jansson libnl-3.0 libnl-route-3.0 libnftables libsystemd sqlite3 libqrencode
OPT     ?= -O2 -g
WARN    := -Wall -Wextra -Wshadow -Wpointer-arith
FLAGS    = $(OPT) $(WARN) -MMD -MP -pthread -fno-strict-aliasing -D_GNU_SOURCE -DTG_VERSION='"$(VERSION)"' \
	   -Iinclude -Iuser -I$(B)/config $(SAN) $(shell pkg-config --cflags $(LIBS))
CFLAGS  ?=
LDLIBS   = -Wl,--as-needed $(shell pkg-config --libs $(LIBS)) $(shell cat $(B)/config/libs) -lm -lstdc++

SOURCES := $(filter-out %.bpf.c,$(wildcard user/*/*.c))
MAINS   := $(wildcard user/cmd/triglav.c user/cmd/triglav-ctl.c)
OBJECTS := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAINS),$(SOURCES))) \
	   $(patsubst %.cc,$(B)/%.o,$(wildcard user/*/*.cc))
PROGRAMS := $(patsubst user/cmd/%.c,$(B)/%,$(MAINS))
UNIT    := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*_test.c))
LABBIN  := $(patsubst %.c,$(B)/%,$(wildcard tests/lab/*.c))
INTEROP := $(patsubst %.c,$(B)/%,$(wildcard tests/interop/*.c))
SIM     := $(B)/tests/sim/sim
SIMOBJ  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c))
PROBE   := $(B)/vm-tests/probe/probe
FUZZ    := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*_fuzz.c))

# BPF programs: one object and one skeleton header each; only user/bpf includes the headers.
BPFCC   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
SKELETONS := $(patsubst bpf/%.bpf.c,$(B)/bpf/%.skel.h,$(wildcard bpf/*.bpf.c))
TESTSKEL := $(patsubst %.bpf.c,$(B)/%.skel.h,$(wildcard tests/bpf/*.bpf.c))
BPFTEST := $(patsubst %.c,$(B)/%,$(wildcard tests/bpf/*_test.c))

.PHONY: all deps check check-unit check-vm check-xdp demo bench bench-multipath bench-datapath sim asan clean install fuzz tests
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAMS)
tests: all $(UNIT) $(BPFTEST) $(LABBIN) $(INTEROP) $(SIM) $(PROBE)

# What the machine has: the two libraries with more than one home, IPsec-MB and BLAKE3.
$(B)/config/libs: tests/probe.sh
	$(Q)mkdir -p $(@D)
	$(Q)CC="$(CC)" sh tests/probe.sh $(@D)

$(B)/libtriglav.a: $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@; ar qcs $@ $^

$(PROGRAMS): $(B)/%: $(B)/user/cmd/%.o $(B)/libtriglav.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) -pthread -o $@ $^ $(LDFLAGS) $(LDLIBS)

$(UNIT) $(BPFTEST) $(LABBIN) $(INTEROP): $(B)/%: $(B)/%.o $(B)/libtriglav.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) -pthread -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) -lcmocka $(LDLIBS)

# The second step drops what the verifier does not need. Without -g there would be no BTF, and no field names in bpftool.
$(B)/%.skel.h: %.bpf.c $(B)/config/libs
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFCC) -g -O2 -target bpf -mcpu=v3 -std=gnu11 -Wall -Wextra -Wshadow -Iinclude -Ibpf $$(cat $(B)/config/bpf_include 2> /dev/null) \
		-MMD -MP -MT $@ -MF $(B)/$*.bpf.d -c -o $(B)/$*.bpf.raw $<
	$(Q)$(BPFTOOL) gen object $(B)/$*.bpf.o $(B)/$*.bpf.raw
	$(Q)$(BPFTOOL) gen skeleton $(B)/$*.bpf.o name $(notdir $*)_bpf > $@

$(patsubst %.c,$(B)/%.o,$(wildcard user/bpf/*.c)): $(SKELETONS)
$(B)/user/bpf/%.o: FLAGS += -I$(B)/bpf
$(patsubst %.c,$(B)/%.o,$(wildcard tests/bpf/*.c)): $(TESTSKEL)
$(B)/tests/bpf/%.o $(B)/tests/lab/junk.o: FLAGS += -I$(B)/tests/bpf
$(B)/tests/lab/junk.o: $(TESTSKEL)

# The lab's link emulator and its load generator are the test programs of several files.
$(B)/tests/lab/emulator: $(patsubst %.c,$(B)/%.o,$(wildcard tests/lab/emulate/*.c))
$(B)/tests/lab/flow: $(patsubst %.c,$(B)/%.o,$(wildcard tests/lab/load/*.c))

# The simulator runs the engine in virtual time (docs/simulator.md).
$(SIM): $(SIMOBJ) $(B)/libtriglav.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) -pthread -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) $(LDLIBS)

# The probes of vm-tests: one program, and a BPF object beside it that it loads.
$(PROBE): $(patsubst %.c,$(B)/%.o,$(filter-out %.bpf.c,$(wildcard vm-tests/probe/*.c))) | $(PROBE).bpf.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) -o $@ $^ $(LDFLAGS) $$(pkg-config --libs libxdp libbpf)

$(PROBE).bpf.o: vm-tests/probe/probe.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang -g -O2 -target bpf -mcpu=v2 -Wall -Wextra -Wno-unused-parameter -I/usr/include/$$($(CC) -print-multiarch) -c -o $@ $<

$(B)/%.o: %.c $(B)/config/libs
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(FLAGS) $(CFLAGS) -Itests -Itests/lab -c -o $@ $<

# The run-time part of clang's undefined-behaviour checks for C++ comes with a C++ link only.
$(B)/%.o: %.cc $(B)/config/libs
	$(call say,CXX,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(FLAGS) -fno-sanitize=undefined $(CXXFLAGS) -c -o $@ $<

deps:
	$(Q)sh tests/deps.sh

check:
	$(Q)bash tests/run.sh

# Other kernels, in virtual machines (docs/vm-tests.md). VM_SHORT=1: a few tests only; VMS="6.1": only these.
check-vm:
	$(Q)sh tests/deps.sh || echo "some packages are missing: tests that need them are skipped"
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)bash vm-tests/run.sh $(VMS)

# The lab's tests with AF_XDP on every client's uplinks (tests/lab/xdp.txt says which, and why not the others).
check-xdp:
	$(Q)sh tests/deps.sh || echo "some packages are missing: tests that need them are skipped"
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)BUILT=1 XDP=full bash tests/run.sh '^xdp/'

demo:
	$(Q)bash tests/lab/demo.sh

bench:
	$(Q)sh tests/deps.sh
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)bash tests/lab/bench.sh $(BENCH)

# QUICK=1, RUNS=5 SECONDS=60 SKIP=10, ONLY=pattern, OUT=file: see docs/benchmarks.md.
bench-multipath:
	$(Q)sh tests/deps.sh
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)bash tests/lab/bench_multipath.sh

# What XDP, AF_XDP and TC are worth. BENCH=quick, or names of parts (tests/lab/datapath_*.sh).
bench-datapath:
	$(Q)sh tests/deps.sh
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)bash tests/lab/bench_datapath.sh $(BENCH)

# All scenarios, then RUNS random variations of them; prints simulated seconds per second.
RUNS ?= 50
SEED ?= 1
sim: $(SIM)
	$(Q)$(SIM) --all --runs $(RUNS) --seed $(SEED) --jobs $$(nproc)

# Unit tests again under the address and undefined-behaviour sanitizers.
asan:
	$(Q)$(MAKE) --no-print-directory B=$(B)/asan OPT="-O1 -g -fno-omit-frame-pointer" \
		SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined" tests

# Fuzz targets: libFuzzer needs clang.
fuzz:
	$(Q)$(MAKE) --no-print-directory B=$(B)/fuzz CC=clang CXX=clang++ OPT="-O1 -g" \
		SAN="-fsanitize=address,undefined,fuzzer-no-link" fuzz-targets

.PHONY: fuzz-targets
fuzz-targets: $(FUZZ)
$(FUZZ): $(B)/%: $(B)/%.o $(B)/libtriglav.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN) -fsanitize=fuzzer -pthread -o $@ $^ $(LDFLAGS) $(LDLIBS)

install: all
	$(Q)sh user/dist/install.sh "$(DESTDIR)" "$(PREFIX)" "$(B)"

clean:
	$(Q)rm -rf build

-include $(shell find $(B) -path $(B)/vm -prune -o -name '*.d' -type f -print 2>/dev/null)
