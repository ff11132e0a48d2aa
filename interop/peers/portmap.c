/*
 * portmap.c: makes one call of a library to rpcbind and says what came of it.
 *
 *     portmap LIBRARY FUNCTION ARGUMENT...
 *
 * LIBRARY is libtirpc, or glibc for the functions that programs linked before glibc 2.32 still find in it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rpc/rpc.h>
#include <rpc/pmap_clnt.h>
#include <rpc/pmap_prot.h>
#include <rpc/pmap_rmt.h>
#include <rpc/rpcb_clnt.h>

static char **arguments;

static const char *
text(void)
{
	if (*arguments == NULL) {
		fprintf(stderr, "portmap: an argument is missing\n");
		exit(2);
	}
	return *arguments++;
}

static unsigned long
number(void)
{
	return strtoul(text(), NULL, 0);
}

/* rpcbind's address on a host that is named by its own. */
static struct sockaddr_in *
rpcbind_at(const char *host)
{
	static struct sockaddr_in address;
	address.sin_family = AF_INET;
	address.sin_port = htons(PMAPPORT);
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
		fprintf(stderr, "portmap: %s is no address\n", host);
		exit(2);
	}
	return &address;
}

static struct netconfig *
transport(void)
{
	const char *netid = text();
	struct netconfig *config = getnetconfigent(netid);
	if (config == NULL) {
		fprintf(stderr, "portmap: %s is no netid\n", netid);
		exit(2);
	}
	return config;
}

/* A failure in the words of libtirpc, which are its own alone: glibc keeps others. */
static void
say(const char *library, int done)
{
	printf("%d", done);
	if (!done && strcmp(library, "libtirpc") == 0)
		printf(" %s", clnt_spcreateerror("failed"));
	printf("\n");
}

static void
say_mappings(const struct pmaplist *list)
{
	for (; list != NULL; list = list->pml_next)
		printf("%lu %lu %lu %lu\n", (unsigned long)list->pml_map.pm_prog, (unsigned long)list->pml_map.pm_vers,
               (unsigned long)list->pml_map.pm_prot, (unsigned long)list->pml_map.pm_port);
}

/* The function of a library by its name; glibc has hidden its own from the linker. */
static void *
function(const char *library, const char *name)
{
	int hidden = strcmp(library, "glibc") == 0;
	void *handle = dlopen(hidden ? "libc.so.6" : "libtirpc.so.3", RTLD_NOW);
	void *found = hidden ? dlvsym(handle, name, "GLIBC_2.2.5") : dlsym(handle, name);
	if (found == NULL) {
		fprintf(stderr, "portmap: %s has no %s\n", library, name);
		exit(2);
	}
	return found;
}

/* pmap_*: in both libraries, with the same arguments. */
static void
version_2(const char *library, const char *name)
{
	void *call = function(library, name);

	if (strcmp(name, "pmap_set") == 0) {
		bool_t (*set)(u_long, u_long, int, u_short) = call;
		unsigned long program = number(), version = number(), protocol = number();
		say(library, set(program, version, (int)protocol, (u_short)number()));
	} else if (strcmp(name, "pmap_unset") == 0) {
		bool_t (*unset)(u_long, u_long) = call;
		unsigned long program = number();
		say(library, unset(program, number()));
	} else if (strcmp(name, "pmap_getmaps") == 0) {
		struct pmaplist *(*getmaps)(struct sockaddr_in *) = call;
		say_mappings(getmaps(rpcbind_at(text())));
	} else if (strcmp(name, "pmap_getport") == 0) {
		u_short (*getport)(struct sockaddr_in *, u_long, u_long, u_int) = call;
		struct sockaddr_in *address = rpcbind_at(text());
		unsigned long program = number(), version = number();
		u_short port = getport(address, program, version, (u_int)number());
		printf("port %u: ", port);
		say(library, port != 0);
	} else if (strcmp(name, "pmap_rmtcall") == 0) {
		enum clnt_stat (*rmtcall)(struct sockaddr_in *, u_long, u_long, u_long, xdrproc_t, caddr_t, xdrproc_t,
		caddr_t, struct timeval, u_long *) = call;
		struct sockaddr_in *address = rpcbind_at(text());
		unsigned long program = number(), version = number(), procedure = number(), port = 0;
		struct timeval patience = { (time_t)number(), 0 };
		enum clnt_stat status = rmtcall(address, program, version, procedure, (xdrproc_t)xdr_void, NULL,
		(xdrproc_t)xdr_void, NULL, patience, &port);
		printf("status %d, port %lu\n", (int)status, port);
	} else {
		fprintf(stderr, "portmap: %s is not known\n", name);
		exit(2);
	}
}

/* rpcb_*: of libtirpc alone. */
static void
version_3(const char *name)
{
	if (strcmp(name, "rpcb_set") == 0) {
		unsigned long program = number(), version = number();
		struct netconfig *config = transport();
		struct netbuf *address = uaddr2taddr(config, text());
		say("libtirpc", rpcb_set(program, version, config, address));
	} else if (strcmp(name, "rpcb_unset") == 0) {
		unsigned long program = number(), version = number();
		/* Without a netid, of all transports. */
		say("libtirpc", rpcb_unset(program, version, *arguments == NULL ? NULL : transport()));
	} else if (strcmp(name, "rpcb_getaddr") == 0) {
		unsigned long program = number(), version = number();
		struct netconfig *config = transport();
		struct sockaddr_storage found;
		struct netbuf address = { sizeof found, 0, &found };
		bool_t done = rpcb_getaddr(program, version, config, &address, text());
		printf("%s ", done ? taddr2uaddr(config, &address) : "none");
		say("libtirpc", done);
	} else if (strcmp(name, "rpcb_getmaps") == 0) {
		struct netconfig *config = transport();
		rpcblist *list = rpcb_getmaps(config, text());
		if (list == NULL)
			say("libtirpc", 0);
		for (; list != NULL; list = list->rpcb_next)
			printf("%lu %lu %s %s %s\n", (unsigned long)list->rpcb_map.r_prog, (unsigned long)list->rpcb_map.r_vers,
                   list->rpcb_map.r_netid, list->rpcb_map.r_addr, list->rpcb_map.r_owner);
	} else if (strcmp(name, "rpcb_gettime") == 0) {
		time_t there = 0;
		bool_t done = rpcb_gettime(text(), &there);
		printf("%s ", labs((long)(time(NULL) - there)) < 60 ? "now" : "another time");
		say("libtirpc", done);
	} else if (strcmp(name, "rpcb_taddr2uaddr") == 0) {
		struct netconfig *config = transport();
		struct netbuf *address = uaddr2taddr(config, text());
		char *uaddr = rpcb_taddr2uaddr(config, address);
		printf("%s\n", uaddr == NULL ? "none" : uaddr);
	} else if (strcmp(name, "rpcb_uaddr2taddr") == 0) {
		struct netconfig *config = transport();
		struct netbuf *address = rpcb_uaddr2taddr(config, (char *)text());
		if (address == NULL) {
			printf("none\n");
			return;
		}
		printf("%u of %u:", address->len, address->maxlen);
		for (unsigned int at = 0; at < address->len; at++)
			printf(" %02x", ((unsigned char *)address->buf)[at]);
		printf("\n");
	} else if (strcmp(name, "rpcb_rmtcall") == 0) {
		struct netconfig *config = transport();
		const char *host = text();
		unsigned long program = number(), version = number(), procedure = number();
		struct timeval patience = { (time_t)number(), 0 };
		struct sockaddr_storage found;
		struct netbuf address = { sizeof found, 0, &found };
		enum clnt_stat status = rpcb_rmtcall(config, host, program, version, procedure, (xdrproc_t)xdr_void, NULL,
		(xdrproc_t)xdr_void, NULL, patience, &address);
		printf("status %d, %s\n", (int)status, status == RPC_SUCCESS ? taddr2uaddr(config, &address) : "none");
	} else {
		fprintf(stderr, "portmap: %s is not known\n", name);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: portmap libtirpc|glibc FUNCTION ARGUMENT...\n");
		return 2;
	}
	arguments = argv + 3;
	if (strncmp(argv[2], "pmap_", 5) == 0)
		version_2(argv[1], argv[2]);
	else
		version_3(argv[2]);
	return 0;
}
