# What there is to do. Each of these is a command of its own; make only remembers its name.

.PHONY: help tour test faults fuzz hostile-mutants storms crash soak soak-real interop counts bench
.PHONY: deb install systemd-test mutants

help:
	@echo 'make tour      build, start rpcbind, register a service made of a .x file, list it, call it'
	@echo 'make test      everything that CI runs'
	@echo 'make faults    the whole fault matrix, of which `make test` runs a tenth (minutes)'
	@echo 'make hostile-mutants   what each hostile message is for: the checks of ours broken one by one (minutes)'
	@echo 'make fuzz      every fuzz target for five minutes, two at once (forty minutes); what they find is kept for the next time'
	@echo 'make storms    crowds, floods and what others notice of them, at full strength, beside Debian'\''s rpcbind (minutes; as root)'
	@echo 'make crash     deaths, power cuts, disks that refuse, damaged files: what is left of the registrations (minutes)'
	@echo 'make soak      a day of rpcbind'\''s in virtual time (minutes)'
	@echo 'make soak-real half an hour of real time: 9,000,000 calls to rpcbind and hostile peers beside'
	@echo 'make mutants   changes the code that reads what peers send, and says which changes no test notices (hours; cargo-mutants)'
	@echo 'make interop   only the tests against Debian'\''s rpcbind, rpcinfo, rpcgen, libtirpc and rpc.statd'
	@echo 'make deb       the Debian package of rpcbind and rpcinfo'
	@echo 'make install   commands, pages, completions and units below $$DESTDIR$$PREFIX (/usr/local)'
	@echo 'make systemd-test   the package and the units on machines with a real systemd as their first process (root)'
	@echo 'make bench     theirs and ours by turns, under the same load; writes interop/benches/RESULTS.md (root, minutes);'
	@echo '               ROWS=... takes those with a word in their name alone, ROUNDS=3 measures three times'
	@echo 'make counts    instructions of calls and of coding, compared with tests/counts.txt (needs valgrind), and allocations per call'

tour:
	sh server/examples/hello/tour.sh

test:
	sh tests/all.sh

faults:
	cargo test --release --package oncrpc-tests --test faults -- --include-ignored --nocapture

hostile-mutants:
	cargo test --package oncrpc-tests --test hostile -- --ignored --nocapture mutant

fuzz:
	sh tests/fuzz/run.sh 300

storms:
	ONCRPC_STORMS=full cargo test --release --package oncrpc-portmapper --test storms -- --nocapture --test-threads 1
	ONCRPC_STORMS=full cargo test --release --package oncrpc-interop --test storms -- --nocapture --test-threads 1

crash:
	ONCRPC_CRASH=full cargo test --release --package oncrpc-portmapper --test crash --test survival -- --nocapture

soak:
	ONCRPC_SOAK=full cargo test --release --package oncrpc-tests --test soak -- --nocapture

soak-real:
	ONCRPC_SOAK_SECONDS=1800 cargo test --release --package oncrpc-portmapper --test storms -- --nocapture soak

# What is read from peers, what is kept of it and how much: one package at a time, since only its own tests are run, each property
# with 200 cases. A change that no test notices does not keep the others from being tried; .cargo/mutants.toml says which are not.
mutants:
	cargo mutants --version >/dev/null 2>&1 || cargo install cargo-mutants@27.1.0 --locked --debug --quiet
	mkdir -p $(MUTANTS)
	-$(MUTATE) --cargo-arg=--tests --package oncrpc-xdr --output $(MUTANTS)/xdr
	-$(MUTATE) --cargo-arg=--tests --package oncrpc --output $(MUTANTS)/rpc \
	  --file rpc/src/record.rs --file rpc/src/message.rs --file 'rpc/src/auth/*.rs'
	-$(MUTATE) --cargo-arg=--tests --package oncrpc-transport --output $(MUTANTS)/transport \
	  --file transport/src/limits.rs --file transport/src/budget.rs --file transport/src/rates.rs \
	  --file transport/src/datagram/admission.rs
	-$(MUTATE) --cargo-arg=--tests --package oncrpc-server --output $(MUTANTS)/server --file server/src/gate.rs --file server/src/seats.rs
	-$(MUTATE) --package oncrpc-portmapper --output $(MUTANTS)/registry \
	  --file 'portmapper/src/registry/**' --file portmapper/src/limits.rs

MUTATE = PROPTEST_CASES=200 PROPTEST_MAX_SHRINK_ITERS=0 cargo mutants --all-features --cargo-arg=--lib

# Where `make mutants` writes what it found.
MUTANTS = $${CARGO_TARGET_DIR:-target}/mutants

interop:
	sh interop/install.sh
	cargo test --package oncrpc-interop

counts:
	sh tests/counts.sh
	cargo test --quiet --release --locked --package oncrpc-tests --test allocations -- --nocapture | grep 'allocations per call'

bench:
	sh interop/install.sh libntirpc-dev nghttp2-client strace
	ROUNDS=$(ROUNDS) cargo bench --package oncrpc-interop --bench peers -- $(ROWS)

deb:
	sh portmapper/debian/build.sh $${CARGO_TARGET_DIR:-target}/debian/ours

install:
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) sh portmapper/install.sh

systemd-test:
	sh interop/install.sh
	sh interop/debs.sh
	cargo test --package oncrpc-interop --test packaging -- --include-ignored
