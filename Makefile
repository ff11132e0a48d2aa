# What there is to do. Each of these is a command of its own; make only remembers its name.

.PHONY: help tour test faults interop counts

help:
	@echo 'make tour      build, start rpcbind, register a service made of a .x file, list it, call it'
	@echo 'make test      everything that CI runs'
	@echo 'make faults    the whole fault matrix, of which `make test` runs a tenth (minutes)'
	@echo 'make interop   only the tests against Debian'\''s rpcbind, rpcinfo, rpcgen, libtirpc and rpc.statd'
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
