/*
 * codec.c: what coding costs with libtirpc and what rpcgen makes of entries.x; tests/examples/codec.rs does the same with ours.
 *
 *     codec CASE TIMES
 *
 * Codes so often and prints the nanoseconds that one took in the quickest of the parts in which that was done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "entries.h"

#define NUMBERS 100000
#define BLOB (1 << 20)
#define ENTRIES 10000
#define MESSAGE (4 << 20)

#define PARTS 20

static char message[MESSAGE];

/* The part that is being done, how often that is, since when, and the nanoseconds that one took in the quickest so far. */
static unsigned long part, share;
static struct timespec begun;
static double quickest;

static int
begin(unsigned long times)
{
	if (part == PARTS || part == times)
		return (0);
	share = (times - part + PARTS - 1) / PARTS;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	return (1);
}

static void
end(void)
{
	struct timespec ended;
	double took;

	clock_gettime(CLOCK_MONOTONIC, &ended);
	took = (double)(ended.tv_sec - begun.tv_sec) * 1e9 + (double)(ended.tv_nsec - begun.tv_nsec);
	if (part == 0 || took / (double)share < quickest)
		quickest = took / (double)share;
	part++;
}

/* Does what follows so often, in parts. */
#define AGAIN(times) \
	for (part = 0; begin(times); end()) \
		for (unsigned long left = share; left > 0; left--)

static void
must(bool_t done)
{
	if (!done) {
		fprintf(stderr, "codec: not coded\n");
		exit(1);
	}
}

/* As a server reads a call's header. */
static void
header(unsigned long times)
{
	static char credential[2 * MAX_AUTH_BYTES];
	unsigned int words[10] = { 7, 0, 2, 100000, 2, 0, 0, 0, 0, 0 }, i;
	struct rpc_msg call;
	XDR xdrs;

	for (i = 0; i < 10; i++)
		words[i] = htonl(words[i]);
	AGAIN(times) {
		call.rm_call.cb_cred.oa_base = credential;
		call.rm_call.cb_verf.oa_base = credential + MAX_AUTH_BYTES;
		xdrmem_create(&xdrs, (char *)words, sizeof(words), XDR_DECODE);
		must(xdr_callmsg(&xdrs, &call));
	}
}

/* Into a buffer that is kept. */
static unsigned int
encode(xdrproc_t code, void *value, unsigned long times)
{
	unsigned int length = 0;
	XDR xdrs;

	AGAIN(times) {
		xdrmem_create(&xdrs, message, MESSAGE, XDR_ENCODE);
		must(code(&xdrs, value));
		length = xdr_getpos(&xdrs);
	}
	return (length);
}

/* To a value whose data are its own, which is then freed. */
static void
decode(xdrproc_t code, void *value, size_t size, unsigned long times)
{
	unsigned int length = encode(code, value, 1);
	XDR xdrs;

	AGAIN(times) {
		memset(value, 0, size);
		xdrmem_create(&xdrs, message, length, XDR_DECODE);
		must(code(&xdrs, value));
		xdr_free(code, value);
	}
}

static entries
directory(void)
{
	entries list = NULL, e;
	int i;

	for (i = ENTRIES - 1; i >= 0; i--) {
		e = calloc(1, sizeof(*e));
		e->file = (unsigned)i;
		e->name = malloc(18);
		snprintf(e->name, 18, "file-%08d.txt", i);
		e->cookie = (unsigned)i + 1;
		e->attributes = calloc(1, sizeof(*e->attributes));
		e->attributes->size = 4096;
		e->attributes->file = (unsigned)i;
		e->handle = calloc(1, sizeof(*e->handle));
		e->handle->data.data_len = 32;
		e->handle->data.data_val = calloc(1, 32);
		e->next = list;
		list = e;
	}
	return (list);
}

static void
measure(const char *name, unsigned long times)
{
	small one = { 7, strdup("sixteen letters!"), (quad_t)1 << 40 };
	numbers many = { NUMBERS, NULL };
	blob data = { BLOB, NULL };
	entries list;

	if (strcmp(name, "header-decode") == 0)
		header(times);
	else if (strcmp(name, "small-encode") == 0)
		encode((xdrproc_t)xdr_small, &one, times);
	else if (strcmp(name, "small-decode") == 0)
		decode((xdrproc_t)xdr_small, &one, sizeof(one), times);
	else if (strncmp(name, "numbers-", 8) == 0) {
		many.numbers_val = calloc(NUMBERS, sizeof(int));
		if (strcmp(name, "numbers-encode") == 0)
			encode((xdrproc_t)xdr_numbers, &many, times);
		else
			decode((xdrproc_t)xdr_numbers, &many, sizeof(many), times);
	} else if (strncmp(name, "blob-", 5) == 0) {
		data.blob_val = calloc(1, BLOB);
		if (strcmp(name, "blob-encode") == 0)
			encode((xdrproc_t)xdr_blob, &data, times);
		else
			decode((xdrproc_t)xdr_blob, &data, sizeof(data), times);
	} else {
		list = directory();
		if (strcmp(name, "entries-encode") == 0)
			encode((xdrproc_t)xdr_entries, &list, times);
		else if (strcmp(name, "entries-decode") == 0)
			decode((xdrproc_t)xdr_entries, &list, sizeof(list), times);
		else {
			fprintf(stderr, "codec: no such case: %s\n", name);
			exit(2);
		}
	}
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: codec CASE TIMES\n");
		return (2);
	}
	measure(argv[1], strtoul(argv[2], NULL, 10));
	printf("%f\n", quickest);
	return (0);
}
