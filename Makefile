# dri-broker. GNU make; `make help` lists what there is.

PREFIX      ?= /usr/local
BINDIR      ?= $(PREFIX)/bin
MANDIR      ?= $(PREFIX)/share/man
DOCDIR      ?= $(PREFIX)/share/doc/dri-broker
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
UDEVDIR     ?= $(PREFIX)/lib/udev/rules.d
COMPDIR     ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR      ?= $(PREFIX)/share/zsh/site-functions
FISHDIR     ?= $(PREFIX)/share/fish/vendor_completions.d
ifdef SANITIZE
BUILD       ?= build/sanitize
else
BUILD       ?= build
endif
PKG_CONFIG  ?= pkg-config
VERSION     := 0.1.0
ifeq ($(origin CC),default)
CC := gcc
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
HARDENING := -fPIE -fstack-protector-strong -fno-strict-aliasing
ifdef SANITIZE
HARDENING += -DSANITIZE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
STATIC    := -pie
# Inside the engine host there is no such library.
SAN_LIBS  := $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
else
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
STATIC    := -static-pie
endif
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARNINGS) $(HARDENING) -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
             $(shell $(PKG_CONFIG) --cflags $(PKGS)) -MMD -MP
ALL_LDFLAGS = $(LDFLAGS) $(HARDENING) $(SAN_LIBS) -Wl,-z,relro,-z,now

PKGS := jansson libcap libdrm libseccomp libsystemd libudev smartcols yaml-0.1

# What every program is made of, and what each adds. The doors are static: nothing of a container, and no library
# path, can get into them, and they start in half the time.
BASE    := oci/error.c oci/below.c oci/file.c oci/document.c oci/config.c oci/nearest.c oci/request.c oci/request_value.c oci/require.c oci/container.c oci/grant.c oci/writer.c
CLIENT  := broker/client.c broker/message.c broker/passing.c
# A door that reads a container's config.json, and edits it.
DOOR    := oci/door.c oci/apply.c oci/apply_hooks.c oci/cdi.c oci/engine.c oci/engine_cri.c oci/engine_docker.c oci/glance.c oci/image.c oci/podman.c oci/program.c oci/sources.c oci/spec.c oci/words.c
RUNTIME := oci/runtime.c oci/cmdline.c oci/log.c oci/running.c oci/supervise.c
# What finds out whether a container can use its GPU.
GATE    := hook/boxed.c hook/confine.c hook/descriptors.c hook/gate.c hook/gate_child.c hook/gate_nodes.c hook/gate_vaapi.c hook/gate_vainfo.c hook/kernel_log.c hook/phase.c \
           hook/expect.c broker/abilities.c broker/codecs.c hook/probe_drm.c hook/probe_report.c hook/probe_run.c hook/readiness.c hook/sight.c hook/va_places.c hook/vainfo.c
# What puts a grant into effect on a container that is there already.
ATTACH  := hook/ask.c hook/attach.c hook/cgroup.c hook/device_cgroup.c hook/inject.c hook/node.c hook/workload.c broker/process.c $(GATE)
HOOK    := hook/hook.c hook/alone.c hook/lxc.c hook/precreate.c hook/state.c hook/tell.c oci/cmdline.c oci/log.c $(ATTACH)
BROKER  := broker/broker.c broker/abilities.c broker/activation.c broker/admission.c broker/alarm.c broker/arbiter.c broker/child.c broker/codecs.c broker/connection.c broker/docker.c broker/drm_files.c broker/drm_memory.c broker/fdinfo.c broker/figures.c broker/fitness.c broker/follow.c broker/freezer.c broker/gauge.c broker/governor.c broker/governor_share.c broker/governor_slices.c broker/gpu.c broker/homes.c \
           broker/hotplug.c broker/idmap.c broker/interface.c \
           broker/journal.c broker/layout.c broker/lease.c broker/leasedir.c broker/leasing.c broker/message.c \
           broker/meter.c broker/events.c broker/herald.c broker/revocation.c broker/methods.c broker/methods_events.c broker/methods_lease.c broker/methods_release.c broker/methods_status.c broker/observer.c broker/occupancy.c broker/overview.c broker/passing.c broker/peer.c broker/placement.c broker/policy.c broker/policy_journal.c broker/policy_parse.c broker/prober.c broker/prober_child.c broker/probing.c broker/process.c broker/queue.c broker/record.c broker/recovery.c broker/refusals.c broker/scan.c broker/scope.c \
           broker/server.c broker/simulate.c broker/subject.c broker/throttle.c broker/turns.c broker/usage.c broker/verdicts.c broker/warden.c hook/cgroup.c hook/device_cgroup.c oci/program.c
DRICTL  := $(wildcard broker/drictl/*.c broker/doctor/*.c broker/install/*.c) broker/drm_files.c broker/drm_memory.c broker/fdinfo.c broker/figures.c broker/idmap.c broker/process.c broker/usage.c \
           oci/cdi_rules.c oci/cdi_schema.c oci/cdi_spec.c $(ATTACH)
# dri-probe is dynamic, since it loads libva, but needs the C library only: it runs inside containers, with theirs.
PROBE   := hook/probe.c hook/boxed.c hook/confine.c hook/probe_drm.c hook/probe_glibc.c hook/probe_inside.c hook/probe_report.c hook/probe_run.c \
           hook/probe_libva.c hook/probe_va.c hook/probe_va_list.c hook/probe_va_try.c hook/va_places.c \
           oci/require.c oci/error.c oci/file.c

PROGRAMS := dri-runtime dri-hook dri-broker drictl dri-probe
objects   = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

all: $(PROGRAMS:%=$(BUILD)/%)  ## the five programs, in build/

$(BUILD)/dri-runtime: $(call objects,$(RUNTIME) $(DOOR) $(BASE) $(CLIENT))
	$(CC) $(ALL_LDFLAGS) $(STATIC) -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson)
$(BUILD)/dri-hook: $(call objects,$(HOOK) $(DOOR) $(BASE) $(CLIENT))
	$(CC) $(ALL_LDFLAGS) $(STATIC) -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson libcap libseccomp)
$(BUILD)/dri-broker: $(call objects,$(BROKER) $(BASE))
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson libcap libdrm libseccomp libsystemd)
$(BUILD)/drictl: $(call objects,$(DRICTL) $(DOOR) $(BASE) $(CLIENT))
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson libcap libseccomp libudev smartcols yaml-0.1)
ifdef SANITIZE
# Sanitizers do not work in its box. They are with its modules in the unit tests.
$(BUILD)/dri-probe: $(call objects,$(PROBE))
	$(MAKE) SANITIZE= BUILD=$(BUILD)/plain $(BUILD)/plain/dri-probe
	cp $(BUILD)/plain/dri-probe $@
else
$(BUILD)/dri-probe: $(call objects,$(PROBE))
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ -Wl,-Bstatic $(shell $(PKG_CONFIG) --libs jansson libseccomp) -Wl,-Bdynamic -ldl
endif

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# --- packages, manual pages, installation, demonstration ---

# DEMO_DEPS are those of `make demo`, which need not be a whole test bench. Docker's own packages bring a runc, and
# would be removed by Debian's.
BUILD_DEPS := gcc make pkgconf libc6-dev libjansson-dev libcap-dev libdrm-dev libseccomp-dev libsystemd-dev libudev-dev libsmartcols-dev libyaml-dev \
              libva-dev scdoc
DEB_DEPS   := build-essential debhelper
DEMO_DEPS  := $(BUILD_DEPS) busybox-static jq util-linux mount procps \
              $(if $(shell sh -c 'command -v runc || command -v crun'),,runc)
CHECK_DEPS := $(DEMO_DEPS) $(if $(shell sh -c 'command -v runc'),,runc) crun bats mmdebstrap libcmocka-dev musl-tools python3 python3-yaml python3-prometheus-client zsh fish systemd strace lsof tmux \
              $(DEB_DEPS) lintian intel-media-va-driver i965-va-driver mesa-va-drivers intel-gpu-tools
VM_DEPS    := $(BUILD_DEPS) $(DEB_DEPS) qemu-system-x86 mmdebstrap e2fsprogs bats jq python3 util-linux
LINT_DEPS  := clang clang-format clang-tidy cppcheck shellcheck libcmocka-dev

# Asks the network only where something is missing. The first try is with the package lists that are there. Never
# takes a package away.
define install_packages
@command -v dpkg-query >/dev/null || { echo "no Debian: see that you have what these packages have: $(1)"; exit 0; }; \
for p in $(1); do \
    dpkg-query -Wf '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; \
done; \
[ -n "$$missing" ] || exit 0; \
echo "installing:$$missing"; \
[ "$$(id -u)" -eq 0 ] || { echo "this needs root: apt-get install$$missing" >&2; exit 1; }; \
export DEBIAN_FRONTEND=noninteractive; \
set -- apt-get -qq install -y --no-install-recommends --no-remove $$missing; \
"$$@" >/dev/null 2>&1 || { apt-get -qq update && "$$@" >/dev/null; } || \
    { echo "not installed:$$missing (nothing is installed that would remove a package of yours)" >&2; exit 1; }
endef

deps:  ## installs the Debian packages that building and testing need, where they are missing
	$(call install_packages,$(CHECK_DEPS))

deps-build:  ## those that building needs
	$(call install_packages,$(BUILD_DEPS))

deps-demo:
	$(call install_packages,$(DEMO_DEPS))
deps-deb:  ## those that the Debian package needs
	$(call install_packages,$(BUILD_DEPS) $(DEB_DEPS))
deps-vm:
	$(call install_packages,$(VM_DEPS))
deps-lint:
	$(call install_packages,$(BUILD_DEPS) $(LINT_DEPS))

demo:  ## as root: leases shown at work, on a real GPU or a simulated one; leaves nothing behind
	@BUILD='$(abspath $(BUILD))' packaging/demo

MAN_PAGES := $(patsubst packaging/man/%.scd,%,$(sort $(wildcard packaging/man/*.scd)))
DOCUMENTS := README.md SECURITY.md LICENSE packaging/config.example.json

man: $(MAN_PAGES:%=$(BUILD)/man/%)  ## the manual pages

$(BUILD)/man/%: packaging/man/%.scd
	@mkdir -p $(@D)
	{ printf "'%s\n" '\" t' && scdoc <$<; } >$@ # has tables, the first line says

UNIT_FILES := dri-broker.service dri-broker.socket dri-broker-user.socket dri-broker-cdi.service dri-broker-metrics.service dri-broker-metrics.timer
# systemd wants a mount unit named after the place (systemd.mount(5)).
MOUNT_FILE := dri-broker-leases.mount
MOUNT_UNIT := run-dri\x2dbroker-leases.mount

# The programs find each other by being in the same folder.
install: all man  ## to PREFIX (/usr/local), below DESTDIR
	install -d $(foreach d,$(BINDIR) $(UNITDIR) $(SYSUSERSDIR) $(UDEVDIR) $(COMPDIR) $(ZSHDIR) $(FISHDIR) $(DOCDIR),'$(DESTDIR)$(d)')
	install -m 755 $(PROGRAMS:%=$(BUILD)/%) '$(DESTDIR)$(BINDIR)'
	for unit in $(UNIT_FILES); do \
	    sed 's|@BINDIR@|$(BINDIR)|g' packaging/$$unit | \
	        install -m 644 /dev/stdin '$(DESTDIR)$(UNITDIR)'/$$unit || exit 1; done
	install -m 644 packaging/$(MOUNT_FILE) '$(DESTDIR)$(UNITDIR)/$(MOUNT_UNIT)'
	install -m 644 packaging/dri-broker.sysusers.conf '$(DESTDIR)$(SYSUSERSDIR)/dri-broker.conf'
	install -m 644 packaging/dri-broker.rules '$(DESTDIR)$(UDEVDIR)/85-dri-broker.rules'
	install -m 644 packaging/completion/drictl.bash '$(DESTDIR)$(COMPDIR)/drictl'
	ln -sf drictl '$(DESTDIR)$(COMPDIR)/dri-broker'
	install -m 644 packaging/completion/drictl.zsh '$(DESTDIR)$(ZSHDIR)/_drictl'
	install -m 644 packaging/completion/drictl.fish '$(DESTDIR)$(FISHDIR)'
	ln -sf drictl.fish '$(DESTDIR)$(FISHDIR)/dri-broker.fish'
	for page in $(MAN_PAGES); do \
	    install -D -m 644 $(BUILD)/man/$$page '$(DESTDIR)$(MANDIR)'/man"$${page##*.}"/"$$page" || exit 1; done
	install -m 644 $(DOCUMENTS) '$(DESTDIR)$(DOCDIR)'

uninstall:  ## takes away what install put there
	@if [ -z '$(DESTDIR)' ] && [ -x '$(BINDIR)/drictl' ]; then '$(BINDIR)/drictl' uninstall --check; fi
	rm -f $(foreach p,$(PROGRAMS),'$(DESTDIR)$(BINDIR)/$(p)') \
	    $(foreach d,$(notdir $(DOCUMENTS)),'$(DESTDIR)$(DOCDIR)/$(d)')
	rm -f $(foreach u,$(UNIT_FILES) $(MOUNT_UNIT),'$(DESTDIR)$(UNITDIR)/$(u)')
	rm -f '$(DESTDIR)$(UDEVDIR)/85-dri-broker.rules' '$(DESTDIR)$(SYSUSERSDIR)/dri-broker.conf' '$(DESTDIR)$(COMPDIR)/drictl' '$(DESTDIR)$(COMPDIR)/dri-broker' \
	    '$(DESTDIR)$(ZSHDIR)/_drictl' '$(DESTDIR)$(FISHDIR)/drictl.fish' '$(DESTDIR)$(FISHDIR)/dri-broker.fish'
	for page in $(MAN_PAGES); do rm -f '$(DESTDIR)$(MANDIR)'/man"$${page##*.}"/"$$page"; done
	[ ! -d '$(DESTDIR)$(DOCDIR)' ] || rmdir --ignore-fail-on-non-empty '$(DESTDIR)$(DOCDIR)'

deb:  ## a package for Debian 12 and 13: build/dri-broker_VERSION_amd64.deb
	@$(MAKE) --no-print-directory deps-deb
	@packaging/build-deb $(VERSION) '$(abspath $(BUILD))'

.PHONY: deps deps-build deps-deb deps-demo deps-lint deps-vm demo man install uninstall deb

# --- tests ---

MAINS    := oci/runtime.c hook/hook.c hook/probe.c broker/broker.c broker/drictl/drictl.c
MODULES  := $(sort $(filter-out $(MAINS),$(RUNTIME) $(HOOK) $(BROKER) $(DRICTL) $(PROBE) $(DOOR) $(BASE) $(CLIENT)))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAYS  := $(FUZZERS:%=$(BUILD)/tests/%)
TEST_LIBS = $(shell $(PKG_CONFIG) --libs $(PKGS) cmocka)
# A VA driver, and a render node for it: what a machine without GPU lets be tested of dri-probe.
FIXTURES := $(BUILD)/tests/va_driver.so $(BUILD)/tests/drm_preload.so $(BUILD)/tests/va-image $(BUILD)/tests/vainfo-musl $(BUILD)/tests/old-libc.so $(BUILD)/tests/memlock_preload.so $(BUILD)/tests/crash_preload.so $(BUILD)/tests/gpu_top_preload.so $(BUILD)/tests/gpu_player \
            $(BUILD)/tests/intruder.so $(BUILD)/tests/hostile

$(BUILD)/libdri.a: $(call objects,$(MODULES))
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/tests/test_%: $(BUILD)/obj/tests/unit/test_%.o $(BUILD)/libdri.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $(filter %.o,$^) $(filter %.a,$^) $(TEST_LIBS)
$(BUILD)/tests/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(BUILD)/libdri.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(TEST_LIBS)

$(BUILD)/tests/test_probe_drm: $(BUILD)/obj/tests/fixtures/drm_player.o
GPU_MODEL := $(call objects,$(addprefix tests/unit/,gpu_model.c gpu_scenarios.c))
$(filter $(BUILD)/tests/test_governor%,$(UNITS)): $(GPU_MODEL)
$(BUILD)/tests/drm_preload.so: tests/fixtures/drm_player.c
$(BUILD)/tests/%.so: tests/fixtures/%.c tests/fixtures/drm_player.h
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -g $(WARNINGS) -D_GNU_SOURCE -fPIC -shared -o $@ $(filter %.c,$^)
# Static: they run in containers.
$(BUILD)/tests/gpu_player $(BUILD)/tests/hostile: $(BUILD)/tests/%: tests/fixtures/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -O2 -g $(WARNINGS) -I. -D_GNU_SOURCE -static -o $@ $<

# What images bring along for VA-API: one with glibc, one whose glibc is too old, and the vainfo of one with musl.
$(BUILD)/tests/va-image: tests/fixtures/va-image
	@mkdir -p $(@D)
	tests/fixtures/va-image $@
$(BUILD)/tests/old-libc.so: tests/fixtures/old-libc.map
	@mkdir -p $(@D)
	$(CC) -shared -nostdlib -Wl,-soname,libc.so.6 -Wl,--version-script=$< -o $@ -x c /dev/null
$(BUILD)/tests/vainfo-musl: tests/fixtures/vainfo.c
	@mkdir -p $(@D)
	musl-gcc -std=gnu17 -O2 -Wall -Wextra -o $@ $<
	cp -L "$$(readelf -lW $@ | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')" $(@D)/ld-musl

apt_download = apt-get -qq -o APT::Sandbox::User=root download
# Out of Debian's package, whose installation would start a Prometheus here.
$(BUILD)/tests/promtool:
	@mkdir -p $(BUILD)/tests/prometheus
	cd $(BUILD)/tests/prometheus && \
	    for update in : 'apt-get -qq update'; do $$update && $(apt_download) prometheus && break; done
	dpkg-deb --fsys-tarfile $(BUILD)/tests/prometheus/*.deb | tar -xC $(@D) --strip-components=3 ./usr/bin/promtool
	rm -r $(BUILD)/tests/prometheus

# libFuzzer brings its own main; everything is built anew with its instrumentation.
FUZZ_CFLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/libdri.a
	clang $(filter-out -MMD -MP,$(ALL_CFLAGS)) -fsanitize=fuzzer,address,undefined -o $@ $^ $(TEST_LIBS)
$(BUILD)/fuzz/libdri.a: $(MODULES)
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang CFLAGS='$(FUZZ_CFLAGS)' $@

# --- figures ---

BENCHES := bench_bare bench_compare bench_decision bench_governor bench_lease bench_nothing bench_stopwatch bench_wrapper bench_wrapper_static
bench_link = @mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(1) -o $@ $(filter %.o %.a,$^) $(2)

$(addprefix $(BUILD)/tests/bench_,bare nothing stopwatch): $(BUILD)/tests/bench_%: $(BUILD)/obj/tests/bench/%.o
	$(call bench_link,$(STATIC))
$(BUILD)/tests/bench_wrapper_static: $(BUILD)/obj/tests/bench/wrapper.o
	$(call bench_link,$(STATIC))
$(BUILD)/tests/bench_wrapper: $(BUILD)/obj/tests/bench/wrapper.o
	$(call bench_link,-pie)
$(BUILD)/tests/bench_compare: $(BUILD)/obj/tests/bench/compare.o
	$(call bench_link,-pie,-lm)
$(BUILD)/tests/bench_governor: $(BUILD)/obj/tests/bench/governor.o $(GPU_MODEL) $(BUILD)/libdri.a
	$(call bench_link,-pie,$(TEST_LIBS))
$(BUILD)/tests/bench_decision: $(call objects,$(addprefix tests/bench/,decision.c exchange.c)) $(BUILD)/libdri.a
	$(call bench_link,-pie,$(TEST_LIBS))
$(BUILD)/tests/bench_crowd: $(call objects,$(addprefix tests/bench/,crowd.c exchange.c)) $(BUILD)/libdri.a
	$(call bench_link,-pie,$(shell $(PKG_CONFIG) --libs jansson))
$(BUILD)/tests/bench_lease: $(call objects,$(addprefix tests/bench/,lease.c echo.c exchange.c holding.c speed.c)) \
                             $(BUILD)/libdri.a
	$(call bench_link,-pie,$(shell $(PKG_CONFIG) --libs jansson))

bench:  ## what it costs, each figure beside its base; BENCH_QUICK=1 for a minute's run
	$(MAKE) deps
	$(MAKE) all $(FIXTURES) $(BENCHES:%=$(BUILD)/tests/%)
	@BUILD=$(abspath $(BUILD)) tests/bench/run

.PHONY: bench

.SECONDARY:
.DELETE_ON_ERROR:

tests: all $(UNITS) $(REPLAYS) $(FIXTURES)  ## the test programs

# The suites that run on this machine, and those that run in the engine host (tests/engine-host/run), on both
# layouts of the control groups.
LOCAL_SUITES  := $(wildcard tests/*.bats)
ENGINE_SUITES := $(wildcard tests/engine-host/*.bats)
# Those in which the layout has no part run on one.
ANY_LAYOUT    := $(patsubst %,tests/engine-host/%.bats,containerd docker-errors docker-install docker-load docker-optin \
                 docker-plain docker-share examples hostile package swarm userns vaapi varlink)

check:  ## unit, integration and engine tests; SANITIZE=1 with ASan and UBSan (in a BUILD of its own)
	$(MAKE) deps
	$(MAKE) tests man deb $(BUILD)/tests/promtool
	@tests/engine-host/build >/dev/null
	@BUILD=$(abspath $(BUILD)) tests/check \
	    $(foreach t,$(UNITS),'CMOCKA_MESSAGE_OUTPUT=TAP $(t)') \
	    $(foreach t,$(FUZZERS),'$(BUILD)/tests/$(t) tests/fuzz/corpus/$(t)') \
	    $(foreach t,$(LOCAL_SUITES),'bats --tap $(t)') \
	    $(foreach t,$(ENGINE_SUITES),'tests/engine-host/run --cgroup v2 bats --tap /src/$(t)') \
    $(foreach t,$(filter-out $(ANY_LAYOUT),$(ENGINE_SUITES)),'tests/engine-host/run --cgroup v1 bats --tap /src/$(t)') \
    'tests/engine-host/run --cgroup v2 bats --tap /src/tests/crash.bats'

check-engines:  ## the doors on the engines of Debian 12, 13 and sid, and builds there; DEBIAN=bookworm for one
	$(MAKE) deps
	@BUILD=$(abspath $(BUILD)) tests/engine-host/check-engines $(DEBIAN)

GUEST_SUITES := $(wildcard tests/guest/*.bats)

check-vm:  ## the package in a guest machine with real GPU drivers, udev, systemd and Docker; no KVM needed
	$(MAKE) deps-vm
	$(MAKE) deb $(BUILD)/tests/guest-gpu $(BUILD)/tests/va_driver.so
	@BUILD=$(abspath $(BUILD)) tests/check 'tests/guest/run $(GUEST_SUITES)'

$(BUILD)/tests/guest-gpu: $(BUILD)/obj/tests/guest/gpu.o
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(shell $(PKG_CONFIG) --libs libdrm)

fuzz: $(FUZZERS:%=$(BUILD)/fuzz/%)  ## runs every fuzz target for T seconds (60)
	@for f in $(FUZZERS); do \
	    mkdir -p $(BUILD)/fuzz/found/$$f && \
	    $(BUILD)/fuzz/$$f -max_total_time=$(or $(T),60) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/found/$$f tests/fuzz/corpus/$$f || exit 1; done

clean:
	rm -rf $(BUILD)

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.DEFAULT_GOAL := all
.PHONY: all tests check check-engines check-vm fuzz clean help

# --- lint ---

SOURCES := $(wildcard oci/*.[ch] broker/*.[ch] broker/*/*.[ch] hook/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch] \
           tests/guest/*.[ch] tests/fixtures/*.[ch])
SCRIPTS := $(shell grep -lE '^\#!/(usr/)?bin/(env )?(ba)?sh' $(wildcard tests/* tests/*/* packaging/* packaging/debian/* .ci/*) 2>/dev/null)
# jansson's loops are not in sight of cppcheck; spec_get's NULL is a pointer wherever this can be built.
CPPCHECK := --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 --inline-suppr \
            --suppress=missingIncludeSystem --suppress=varFuncNullUB -I. -D_GNU_SOURCE -DVERSION='""' \
            '-Djson_array_foreach(a,i,v)=for((i)=0;(i)<json_array_size(a)&&((v)=json_array_get(a,i));(i)++)' \
            '-Djson_object_foreach(o,k,v)=for((k)="";((v)=json_object_get(o,k));)'

# A bats test is a subshell of its own, and its variables are the helpers'.
SHELLCHECK_BATS := -s bats -S warning -e SC2030,SC2031,SC2034,SC2120

lint:  ## clang-format, clang-tidy, cppcheck, shellcheck
	@clang-format --dry-run -Werror $(SOURCES)
	@printf '%s\n' $(filter %.c,$(filter-out tests/%,$(SOURCES))) | xargs -I{} -P $$(nproc) clang-tidy --quiet {} \
	    -- $(filter-out -MMD -MP -fno-sanitize%,$(ALL_CFLAGS)) 2>&1 | grep -v ' warnings generated' >&2; \
	    test $${PIPESTATUS[1]} -eq 0
	@cppcheck $(CPPCHECK) oci broker hook
	@shellcheck -x $(SCRIPTS)
	@shellcheck -x $(SHELLCHECK_BATS) $(wildcard tests/*.bats tests/*/*.bats)
	@shellcheck -x -s bash -S warning -e SC2120 $(wildcard tests/lib/*.bash)
	@echo 'lint: nothing to say'

lint: SHELL := /bin/bash

.PHONY: lint
