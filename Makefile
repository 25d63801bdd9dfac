# dri-broker. GNU make; `make help` lists what there is.

PREFIX      ?= /usr/local
BINDIR      ?= $(PREFIX)/bin
MANDIR      ?= $(PREFIX)/share/man
DOCDIR      ?= $(PREFIX)/share/doc/dri-broker
UNITDIR     ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
BUILD       ?= build
CC          ?= gcc
PKG_CONFIG  ?= pkg-config
VERSION     := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
HARDENING := -fPIE -fstack-protector-strong -fno-strict-aliasing
ifdef SANITIZE
HARDENING += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
STATIC    := -pie
else
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
STATIC    := -static-pie
endif
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARNINGS) $(HARDENING) -D_GNU_SOURCE -DVERSION='"$(VERSION)"' \
             $(shell $(PKG_CONFIG) --cflags $(PKGS)) -MMD -MP
ALL_LDFLAGS = $(LDFLAGS) $(HARDENING) -Wl,-z,relro,-z,now

PKGS := jansson libcap libdrm libsystemd smartcols

# What every program is made of, and what each adds. The doors are static: nothing of a container, and no library
# path, can get into them, and they start in half the time.
BASE    := oci/error.c oci/file.c oci/document.c oci/config.c oci/request.c oci/container.c oci/grant.c
CLIENT  := broker/client.c broker/message.c
RUNTIME := oci/runtime.c oci/apply.c oci/cmdline.c oci/engine.c oci/image.c oci/log.c oci/program.c oci/running.c \
           oci/spec.c oci/supervise.c
HOOK    := hook/hook.c hook/gate.c hook/node.c hook/state.c hook/workload.c
BROKER  := broker/broker.c broker/alarm.c broker/arbiter.c broker/gpu.c broker/hotplug.c broker/interface.c \
           broker/journal.c broker/layout.c broker/lease.c broker/leasedir.c broker/leasing.c broker/message.c \
           broker/methods.c broker/process.c broker/recovery.c broker/scan.c broker/server.c broker/simulate.c
DRICTL  := broker/drictl.c broker/daemon_json.c broker/explain.c broker/install_docker.c broker/print.c \
           broker/status.c

PROGRAMS := dri-runtime dri-hook dri-broker drictl
objects   = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

all: $(PROGRAMS:%=$(BUILD)/%)  ## the four programs, in build/

$(BUILD)/dri-runtime: $(call objects,$(RUNTIME) $(BASE) $(CLIENT))
	$(CC) $(ALL_LDFLAGS) $(STATIC) -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson)
$(BUILD)/dri-hook: $(call objects,$(HOOK) $(BASE) $(CLIENT))
	$(CC) $(ALL_LDFLAGS) $(STATIC) -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson libcap)
$(BUILD)/dri-broker: $(call objects,$(BROKER) $(BASE))
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson libcap libdrm libsystemd)
$(BUILD)/drictl: $(call objects,$(DRICTL) $(BASE) $(CLIENT))
	$(CC) $(ALL_LDFLAGS) -pie -o $@ $^ $(shell $(PKG_CONFIG) --libs jansson smartcols)

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
