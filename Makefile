# What there is to do. Each of these is a command of its own; make only remembers its name.

.PHONY: help tour test faults interop counts bench
.PHONY: deb install systemd-test

help:
	@echo 'make tour      build, start rpcbind, register a service made of a .x file, list it, call it'
	@echo 'make test      everything that CI runs'
	@echo 'make faults    the whole fault matrix, of which `make test` runs a tenth (minutes)'
	@echo 'make interop   only the tests against Debian'\''s rpcbind, rpcinfo, rpcgen, libtirpc and rpc.statd'
	@echo 'make deb       the Debian package of rpcbind and rpcinfo'
	@echo 'make install   commands, pages, completions and units below $$DESTDIR$$PREFIX (/usr/local)'
	@echo 'make systemd-test   the package and the units on machines with a real systemd as their first process (root)'
	@echo 'make bench     theirs and ours by turns, under the same load; writes interop/benches/RESULTS.md (root, minutes)'
	@echo 'make counts    instructions and allocations per call (needs valgrind)'

tour:
	sh server/examples/hello/tour.sh

test:
	sh tests/all.sh

faults:
	cargo test --release --package oncrpc-tests --test faults -- --include-ignored --nocapture

interop:
	sh interop/install.sh
	cargo test --package oncrpc-interop

counts:
	sh tests/counts.sh

bench:
	sh interop/install.sh
	cargo bench --package oncrpc-interop --bench peers

deb:
	sh portmapper/debian/build.sh $${CARGO_TARGET_DIR:-target}/debian/ours

install:
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) sh portmapper/install.sh

systemd-test:
	sh interop/install.sh
	sh interop/debs.sh
	cargo test --package oncrpc-interop --test packaging -- --include-ignored
